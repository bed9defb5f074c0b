"""TFX's Transform, whose transformed examples keep the files and the order of the examples on every Beam engine.

Training reads them in that order. Beam's own TFRecord sink, to which TFX's executor writes, keeps none when several
workers write.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from tfx import components, types
from tfx.components.transform import executor, executor_utils
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils, standard_component_specs

from perceiver_keras.components.data.transform_shard import TransformShard
from perceiver_keras.components.describe_examples import finish, shards_of

_TRANSFORMED = standard_component_specs.TRANSFORMED_EXAMPLES_KEY


class TransformExecutor(executor.Executor):
    """Makes the graph as TFX does, and then sends each file of the examples through it."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        graph = {name: items for name, items in output_dict.items() if name != _TRANSFORMED}
        super().Do(input_dict, graph, exec_properties)
        all_examples = input_dict[standard_component_specs.EXAMPLES_KEY]
        examples = artifact_utils.get_single_instance(all_examples)
        transformed = artifact_utils.get_single_instance(output_dict[_TRANSFORMED])
        splits = executor_utils.ResolveSplitsConfig(
            exec_properties.get(standard_component_specs.SPLITS_CONFIG_KEY), all_examples
        ).transform
        uri = artifact_utils.get_single_uri(output_dict["transform_graph"])
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Files"
                >> beam.Create([s for split in splits for s in shards_of(examples, split)])
                | "Spread" >> beam.Reshuffle()
                | "Transform" >> beam.ParDo(TransformShard(uri, transformed.uri))
            )
        finish(transformed, examples, artifact_utils.encode_split_names(list(splits)))


class Transform(components.Transform):
    """As TFX's, of one Examples artifact, always with `transformed_examples`."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(TransformExecutor)
