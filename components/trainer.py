"""TFX's Trainer with one more input: the examples as they are stored, before Transform.

A server gets examples as users have them, so the requests that warm it up are made of raw ones. `run_fn` finds their
files, those of the splits of `eval_args`, as `fn_args.custom_config[RAW_FILES]`, a list of globs. They are no part of
the component's parameters, which the Tuner shares.
"""

from __future__ import annotations

from typing import Any

from tfx.components.trainer import executor, fn_args_utils
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import (
    Artifact,
    BaseChannel,
    Channel,
    artifact_utils,
    component_spec,
    standard_artifacts,
    standard_component_specs,
)
from tfx.utils import io_utils, json_utils, proto_utils

RAW_EXAMPLES = "raw_examples"
RAW_FILES = "raw_files"  # in custom_config


class TrainerSpec(standard_component_specs.TrainerSpec):
    """TFX's, with the input `raw_examples`."""

    INPUTS = {
        **standard_component_specs.TrainerSpec.INPUTS,
        RAW_EXAMPLES: component_spec.ChannelParameter(
            type=standard_artifacts.Examples, optional=True
        ),
    }


class Executor(executor.GenericExecutor):
    """TFX's, which tells `run_fn` where the raw examples are."""

    def _GetFnArgs(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> fn_args_utils.FnArgs:
        found = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        if raw := input_dict.get(RAW_EXAMPLES):
            args = trainer_pb2.EvalArgs()
            proto_utils.json_to_proto(exec_properties[standard_component_specs.EVAL_ARGS_KEY], args)
            files = [
                io_utils.all_files_pattern(uri)
                for split in args.splits or ["eval"]  # TFX's default
                for uri in artifact_utils.get_split_uris(raw, split)
            ]
            found.custom_config = {**(found.custom_config or {}), RAW_FILES: files}
        return found


class Trainer(base_component.BaseComponent):
    """Trains and exports; its outputs are `model` and `model_run`, as of TFX's Trainer."""

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        examples: BaseChannel,
        run_fn: str,
        train_args: trainer_pb2.TrainArgs,
        eval_args: trainer_pb2.EvalArgs,
        custom_config: dict[str, Any],
        raw_examples: BaseChannel | None = None,
        transform_graph: BaseChannel | None = None,
        schema: BaseChannel | None = None,
        hyperparameters: BaseChannel | None = None,
    ) -> None:
        """Construct.

        Args:
          examples: To train on, transformed or raw.
          run_fn: The dotted name of the function that trains.
          train_args, eval_args: The splits, and how many steps.
          custom_config: JSON for `run_fn`.
          raw_examples: `examples` before Transform; None: they are raw themselves.
          transform_graph: Transform's.
          schema: Of the examples.
          hyperparameters: The Tuner's best.
        """
        spec = TrainerSpec(
            examples=examples,
            raw_examples=raw_examples,
            transform_graph=transform_graph,
            schema=schema,
            hyperparameters=hyperparameters,
            run_fn=run_fn,
            train_args=train_args,
            eval_args=eval_args,
            custom_config=json_utils.dumps(custom_config),
            model=Channel(type=standard_artifacts.Model),
            model_run=Channel(type=standard_artifacts.ModelRun),
        )
        super().__init__(spec=spec)
