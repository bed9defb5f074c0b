"""What TensorFlow Model Analysis measures: all metrics of the candidate and of the last blessed model, per slice."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow_model_analysis as tfma
from absl import logging

from perceiver_keras.components.model.slices import Slicing
from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import UsageError
from perceiver_keras.gate import slices
from perceiver_keras.tasks.task import Task


def eval_config(
    task: Task, config: TaskConfig, labels: Sequence[str] | None = None
) -> tfma.EvalConfig:
    """Evaluates the `evaluate` signature of the candidate and of the last blessed model; the Gate judges.

    Args:
      task: Its metrics.
      config: Its settings.
      labels: Names of the classes, if they are known.

    Raises:
      UsageError: no threshold is set, so that nothing would be asked of a model, or one is for an unknown metric or
        slice.
    """
    metrics = task.measures.column_metrics(config)
    if not config.evaluate.thresholds:
        raise UsageError(
            "evaluate.thresholds is empty, so no model could be blessed; set at least one, "
            f"e.g. --set evaluate.thresholds.{metrics[0].name}=0.9."
        )
    slices.check(task, config, labels)

    spec = tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name="ExampleCount")])
    (made,) = tfma.metrics.specs_from_metrics(metrics, include_example_count=False)[-1:]
    spec.metrics.extend(made.metrics)

    # TFMA requires a label even if the metrics only read the columns: any feature will do.
    label_key = task.examples.label_of(config) or next(iter(task.examples.spec(config)))

    def model_spec(**kwargs) -> tfma.ModelSpec:
        return tfma.ModelSpec(
            signature_name="evaluate",
            label_key=label_key,
            prediction_key=task.measures.key,
            **kwargs,
        )

    return tfma.EvalConfig(
        model_specs=[
            model_spec(name=tfma.CANDIDATE_KEY),
            model_spec(name=tfma.BASELINE_KEY, is_baseline=True),
        ],
        slicing_specs=[tfma.SlicingSpec()],  # components/model/slices.py makes the others
        metrics_specs=[spec],
    )


def slicing(task: Task, config: TaskConfig, labels: Sequence[str] | None = None) -> Slicing:
    """How the test split is cut; says in the log if it is not cut by its labels.

    Raises:
      UsageError: nothing of a slice's name is measured, or its edges are wrong.
    """
    for name in slices.unsliced_labels(task, config):
        logging.warning(
            "No metrics per class of %s: there are too many classes, each with few examples. To have them, name %s "
            "in evaluate.slices.",
            *(name, name),
        )
    return Slicing(
        slices=slices.slices_of(task, config),
        kinds=dict(task.examples.kinds(config)),
        names=None if labels is None else list(labels),
        parts={name: list(names) for name, names in task.examples.names(config).items()},
    )
