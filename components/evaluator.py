"""TFMA on the test split: metrics of the candidate and of the last blessed model, with slices and error bars.

TFX's Evaluator can be given neither a seed nor what our slices need, and it also judges; here the Gate does that.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from absl import logging
from tfx import types
from tfx.components.util import tfxio_utils
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.types.system_executions import Evaluate
from tfx.utils import io_utils, path_utils, proto_utils

from perceiver_keras.components.model import jackknife
from perceiver_keras.components.model.slices import Slicing, extractors
from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import read_task

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs TFMA on one split, with 95 % intervals; runner and number of workers change only their last digits."""

    def Do(  # noqa: N802 - TFX's name
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes TFMA's results into `evaluation`; there are none if the split has no example.

        Raises:
          PerceiverError: the model is of another task, so that it can't read the examples.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        _check_task(_serving_folder(input_dict["model"]), exec_properties.get("task"))
        config = tfma.EvalConfig()
        proto_utils.json_to_proto(exec_properties["eval_config"], config)
        baseline = input_dict.get("baseline_model")
        config = tfma.utils.update_eval_config_with_defaults(
            config, has_baseline=bool(baseline), rubber_stamp=True
        )
        config.options.compute_confidence_intervals.value = True
        intervals = config.options.confidence_intervals
        intervals.method = intervals.JACKKNIFE
        tfma.utils.verify_eval_config(config)
        models = [
            tfma.default_eval_shared_model(
                eval_saved_model_path=_serving_folder(
                    input_dict["baseline_model" if spec.is_baseline else "model"]
                ),
                model_name=spec.name,
                eval_config=config,
            )
            for spec in config.model_specs
        ]
        examples, split = input_dict["examples"], exec_properties["split"]
        output = artifact_utils.get_single_uri(output_dict["evaluation"])
        tfxio = tfxio_utils.get_tfxio_factory_from_artifact(
            examples=examples,
            telemetry_descriptors=["Evaluator"],
            raw_record_column_name=tfma.ARROW_INPUT_COLUMN,
        )
        shared = models[0] if len(models) == 1 else models
        with self._make_beam_pipeline() as pipeline, jackknife.by_content():
            records = [
                pipeline | f"Read[{place}]" >> tfxio(io_utils.all_files_pattern(uri)).BeamSource()
                for place, uri in enumerate(artifact_utils.get_split_uris(examples, split))
            ]
            _ = (
                records
                | "Flatten" >> beam.Flatten()
                | "Evaluate"
                >> tfma.ExtractEvaluateAndWriteResults(
                    eval_shared_model=shared,
                    eval_config=config,
                    extractors=extractors(
                        shared, config, Slicing.from_json(exec_properties["slicing"])
                    ),
                    output_path=output,
                )
            )
        logging.info("Evaluated %s; the results are in %s.", split, output)


def _check_task(folder: str, task: str | None) -> None:
    found = read_task(folder).get("task")
    if task and found not in (None, task):
        raise PerceiverError(
            f"the model in {folder} is of {found}, and this pipeline is of {task}; train a model of {task}."
        )


def _serving_folder(models: list[types.Artifact]) -> str:
    model = artifact_utils.get_single_instance(models)
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))


class EvaluatorSpec(component_spec.ComponentSpec):
    """The component's inputs, outputs and parameters."""

    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
    }
    OUTPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation)
    }
    PARAMETERS = {
        "eval_config": component_spec.ExecutionParameter(type=tfma.EvalConfig),
        "slicing": component_spec.ExecutionParameter(type=str),
        "split": component_spec.ExecutionParameter(type=str),
        "task": component_spec.ExecutionParameter(type=str, optional=True),
    }
    TYPE_ANNOTATION = Evaluate


class Evaluator(base_beam_component.BaseBeamComponent):
    """Its output `evaluation` is TFMA's, which `components/model/evaluation.py` reads."""

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        eval_config: tfma.EvalConfig,
        slicing: Slicing | None = None,
        baseline_model: types.BaseChannel | None = None,
        split: str = "test",
        task: str | None = None,
    ) -> None:
        """Args are channels, and:

        Args:
          examples: Of type `Examples`; those to be measured on.
          model: The Trainer's, of type `Model`.
          eval_config: Metrics, model specs and options; the slices are those of `slicing`.
          slicing: How the split is cut; None: not at all.
          baseline_model: The last blessed one, or a channel without an artifact.
          split: Of the examples.
          task: Its name in the registry, which the model's must be; None: any.
        """
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            eval_config=eval_config,
            slicing=(slicing or Slicing()).to_json(),
            split=split,
            task=task,
            evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
        )
        super().__init__(spec=spec)
