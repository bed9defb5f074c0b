"""Two schemas: of the stored examples, as the task reads them, and a proposal of what the data of later runs may be.

The proposal becomes the accepted schema if it is the first whose data passes, or if a person accepts it
(`accepted_schema.py`). It holds what later runs need for comparisons, so it outlives the statistics it came from.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils

from perceiver_keras.components.data import described_rows, split_statistics
from perceiver_keras.components.data.acceptance import DESCRIBED, ROLE, RUN
from perceiver_keras.components.data.schema_proposal import (
    TECHNICAL,
    example_schema,
    measure_name,
    propose,
)
from perceiver_keras.config_tree import from_json
from perceiver_keras.tasks import registry

SCHEMA_FILE = "schema.pbtxt"
REFERENCE = "statistics"  # the folder in the artifact with the statistics, one folder per split


class SchemaGenExecutor(base_executor.BaseExecutor):
    """Writes schema.pbtxt into both artifacts, and the statistics into that of the proposal."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        inputs = {name: artifact_utils.get_single_instance(input_dict[name]) for name in INPUTS}
        statistics, described = inputs["statistics"], inputs["described"]
        task = registry.get(exec_properties["task"])
        config = from_json(task.config_class, exec_properties["config_json"])
        splits = artifact_utils.decode_split_names(statistics.split_names)
        # The split to train on is the one that the others are held against.
        splits.sort(key=lambda split: split != "train")
        loaded = {split: split_statistics.load(statistics.uri, split) for split in splits}
        names = json.loads(exec_properties.get("labels_json") or "null")
        values = whole_values(described.uri, loaded)
        schema = artifact_utils.get_single_instance(output_dict["schema"])
        write(schema.uri, propose(loaded, task.examples.kinds(config), names, values))
        for split, value in loaded.items():
            path = os.path.join(schema.uri, REFERENCE, f"Split-{split}", split_statistics.FILE)
            io_utils.write_bytes_file(path, value.SerializeToString(deterministic=True))
        schema.set_string_custom_property(ROLE, DESCRIBED)
        schema.set_string_custom_property(RUN, self._context.pipeline_run_id or "")
        for name, artifact in inputs.items():
            schema.set_string_custom_property(f"{name}_uri", artifact.uri)
        stored = artifact_utils.get_single_instance(output_dict["example_schema"])
        write(stored.uri, example_schema(task.examples.spec(config)))


class SchemaGenSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "task": component_spec.ExecutionParameter(type=str),
        "config_json": component_spec.ExecutionParameter(type=str),
        "labels_json": component_spec.ExecutionParameter(type=str, optional=True),
        "code": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "described": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "fingerprints": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "example_schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }


INPUTS = tuple(SchemaGenSpec.INPUTS)


class SchemaGen(base_component.BaseComponent):
    """Proposes a schema.

    `outputs["schema"]` is the proposal, of described examples: schema.pbtxt, and the statistics in `REFERENCE`. Its
    custom properties: `role` "described", `run`, and `described_uri`, `fingerprints_uri`, `statistics_uri` of the data
    it was made from. `outputs["example_schema"]` is that of the stored examples, from the task alone: schema.pbtxt.
    """

    SPEC_CLASS = SchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(SchemaGenExecutor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        described: types.BaseChannel,
        fingerprints: types.BaseChannel,
        task: str,
        config_json: str,
        labels_json: str | None = None,
        code: str | None = None,
    ):
        """Only the values of the arguments, and the inputs, decide whether TFX takes the result from its cache.

        Args:
          statistics: StatisticsGen's, of `described`, made with `split_statistics.statistics_options()`.
          described, fingerprints: Describe's.
          task: A registered task.
          config_json: Its configuration.
          labels_json: A JSON list of the data set's classes, in order; None or "null": it has no names.
          code: Changes with the code; only for the cache.
        """
        super().__init__(
            spec=SchemaGenSpec(
                statistics=statistics,
                described=described,
                fingerprints=fingerprints,
                task=task,
                config_json=config_json,
                labels_json=labels_json,
                code=code,
                schema=types.Channel(type=standard_artifacts.Schema),
                example_schema=types.Channel(type=standard_artifacts.Schema),
            )
        )


def write(uri: str, schema: schema_pb2.Schema) -> None:
    """Writes schema.pbtxt into the folder of a Schema artifact."""
    text = text_format.MessageToString(schema, as_utf8=True)
    io_utils.write_string_file(os.path.join(uri, SCHEMA_FILE), text)


def read(uri: str) -> schema_pb2.Schema | None:
    """The schema in the folder of a Schema artifact; None if it is gone."""
    path = os.path.join(uri, SCHEMA_FILE)
    if not tf.io.gfile.exists(path):
        return None
    return io_utils.parse_pbtxt_file(path, schema_pb2.Schema())


def reference_statistics(uri: str) -> dict[str, split_statistics.Statistics]:
    """The statistics, by split, of the data that the schema in this folder was made from; empty if they are gone."""
    folder = os.path.join(uri, REFERENCE)
    if not tf.io.gfile.isdir(folder):
        return {}
    names = sorted(tf.io.gfile.listdir(folder))
    splits = [name.strip("/").removeprefix("Split-") for name in names]
    return {split: split_statistics.load(folder, split) for split in splits}


def whole_values(
    described: str, loaded: dict[str, split_statistics.Statistics]
) -> dict[str, Counter]:
    """How many examples have each value of the technical measures that are whole numbers; see `values_of`."""
    columns = [split_statistics.columns(statistics) for statistics in loaded.values()]
    found: dict[str, Counter] = {}
    varied = set()
    for name in sorted({name for split in columns for name in split}):
        if measure_name(name) not in TECHNICAL:
            continue
        there = [split[name] for split in columns if name in split and split[name].present]
        if any(column.is_name or not column.is_int for column in there):
            continue
        if len({column.low for column in there} | {column.high for column in there}) == 1:
            found[name] = Counter({int(there[0].low): sum(column.present for column in there)})
        else:
            varied.add(name)
    return found | described_rows.values_of(described, loaded, sorted(varied))
