"""What is measured of each stored example, as an Examples artifact of its own, and the examples' fingerprints.

Pictures, sounds and texts are opaque bytes to TFX's statistics. Of these artifacts StatisticsGen, SchemaGen and
ExampleValidator see numbers and names: `perceiver_keras/data/described/` says which.
"""

from __future__ import annotations

import json
from typing import Any

import apache_beam as beam
from absl import logging
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts

from perceiver_keras.components.data.describe_shard import (
    ASIDE,
    CountExamples,
    DescribeShard,
    Request,
    Shard,
)


class DescribeExecutor(base_beam_executor.BaseBeamExecutor):
    """Writes Split-<name>/<the same file names> into both artifacts, one file per file of the examples."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        outputs = {
            name: artifact_utils.get_single_instance(output_dict[name])
            for name in ("described", "fingerprints")
        }
        names = json.loads(exec_properties.get("labels_json") or "null")
        request = Request(
            described=outputs["described"].uri,
            fingerprints=outputs["fingerprints"].uri,
            task=exec_properties["task"],
            config_json=exec_properties.get("config_json") or None,
            label_names=None if names is None else tuple(names),
        )
        splits = artifact_utils.decode_split_names(examples.split_names)
        shards = [shard for split in splits for shard in shards_of(examples, split)]
        after = {(shard.split, shard.number - 1) for shard in shards}
        with self._make_beam_pipeline() as pipeline:
            # An example's place in its split needs the sizes of the files before its own.
            counts = (
                pipeline
                | "FilesBeforeOthers"
                >> beam.Create([s for s in shards if (s.split, s.number) in after])
                | "SpreadCounts" >> beam.Reshuffle()
                | "Count" >> beam.ParDo(CountExamples())
            )
            _ = (
                pipeline
                | "Files" >> beam.Create(shards)
                | "Spread" >> beam.Reshuffle()
                | "Describe"
                >> beam.ParDo(DescribeShard(request), counts=beam.pvalue.AsDict(counts))
            )
        for artifact in outputs.values():
            finish(artifact, examples, examples.split_names)
        logging.info("described %d files of %s", len(shards), ", ".join(splits))


class DescribeSpec(component_spec.ComponentSpec):
    """Mappings and lists are JSON text, so that the cache compares them by value."""

    PARAMETERS = {
        "task": component_spec.ExecutionParameter(type=str),
        "config_json": component_spec.ExecutionParameter(type=str, optional=True),
        "labels_json": component_spec.ExecutionParameter(type=str, optional=True),
        "code": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {
        "described": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "fingerprints": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class Describe(base_beam_component.BaseBeamComponent):
    """Examples to small tf.Examples of numbers and names (`described`), and to fingerprints (`fingerprints`).

    Both are standard Examples artifacts with the splits, files and order of the examples. A row's `perceiver/index` is
    its example's place in the split, from 0.
    """

    SPEC_CLASS = DescribeSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(DescribeExecutor)

    def __init__(
        self,
        examples: types.BaseChannel,
        task: str,
        config_json: str | None = None,
        labels_json: str | None = None,
        code: str | None = None,
        id: str | None = None,
    ):
        """Only the values of the arguments, and the examples, decide whether TFX takes the result from its cache.

        Args:
          examples: A channel of Examples.
          task: A registered task, whose `kinds` say what the features are.
          config_json: Its configuration; None: that of the tiny preset.
          labels_json: A JSON list of the classes' names; None or "null": labels are numbers as text.
          code: Changes with the code that measures; only for the cache.
          id: The component's name in the pipeline.
        """
        super().__init__(
            spec=DescribeSpec(
                examples=examples,
                task=task,
                config_json=config_json,
                labels_json=labels_json,
                code=code,
                described=types.Channel(type=standard_artifacts.Examples),
                fingerprints=types.Channel(type=standard_artifacts.Examples),
            )
        )
        if id:
            self.with_id(id)


def shards_of(examples: types.Artifact, split: str) -> list[Shard]:
    """The files of a split, in the order of their names, which is that of their examples."""
    import tensorflow as tf

    folder = artifact_utils.get_split_uri([examples], split)
    # Not by glob, which takes brackets in the names of folders for a pattern.
    names = sorted(tf.io.gfile.listdir(folder))
    return [Shard(split, number, f"{folder}/{name}") for number, name in enumerate(names)]


def finish(artifact: types.Artifact, examples: types.Artifact, split_names: str) -> None:
    """Makes an artifact, whose files were made from those of `examples`, one of TFX's Examples, with these splits."""
    import tensorflow as tf
    from tfx.components.util import examples_utils
    from tfx.proto import example_gen_pb2

    aside = f"{artifact.uri}/{ASIDE}"
    if tf.io.gfile.isdir(aside):
        tf.io.gfile.rmtree(aside)
    artifact.split_names = split_names
    artifact.span = 0
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, examples_utils.get_file_format(examples))
