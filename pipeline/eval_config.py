"""The gate for TensorFlow Model Analysis: metrics, thresholds, and the last blessed model as baseline."""

from __future__ import annotations

import tensorflow_model_analysis as tfma

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import UsageError
from perceiver_keras.metrics.results import check_thresholds
from perceiver_keras.tasks.task import Task

# TFMA requires a strict improvement; a value just below zero lets an equal model pass.
EQUAL_IS_FINE = 1e-9


def eval_config(task: Task, config: TaskConfig) -> tfma.EvalConfig:
    """Evaluates the `evaluate` signature of the candidate and of the last blessed model on all examples.

    Raises:
      UsageError: no threshold is set (TFMA would then write no blessing at all), or one is for an unknown metric.
    """
    metrics = task.measures.column_metrics(config)
    thresholds = config.evaluate.thresholds
    if not thresholds:
        raise UsageError(
            "evaluate.thresholds is empty, so no model could be blessed; set at least one, "
            f"e.g. --set evaluate.thresholds.{metrics[0].name}=0.9."
        )
    check_thresholds(thresholds, metrics)

    # Each threshold is part of its metric: TFMA does not find thresholds that are given by name separately.
    spec = tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name="ExampleCount")])
    for metric in metrics:
        (made,) = tfma.metrics.specs_from_metrics([metric], include_example_count=False)[-1].metrics
        if metric.name in thresholds:
            bounds = _threshold(
                thresholds[metric.name],
                config.evaluate.allowed_drop,
                metric.name in task.measures.lower_is_better,
            )
            made.threshold.CopyFrom(bounds)
        spec.metrics.append(made)

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
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=[spec],
    )


def _threshold(bound: float, allowed_drop: float, lower_is_better: bool) -> tfma.MetricThreshold:
    slack = allowed_drop + EQUAL_IS_FINE
    if lower_is_better:
        return tfma.MetricThreshold(
            value_threshold=tfma.GenericValueThreshold(upper_bound={"value": bound}),
            change_threshold=tfma.GenericChangeThreshold(
                direction=tfma.MetricDirection.LOWER_IS_BETTER, absolute={"value": slack}
            ),
        )
    return tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": bound}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -slack}
        ),
    )
