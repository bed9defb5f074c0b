"""One file of an Examples artifact through Transform's graph into another.

A file is Beam's unit of work and of retries. What is written depends on the file alone, in its order, and every file
is written under another name and then renamed, as in `example_shard.py`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import apache_beam as beam

from perceiver_keras.components.data.describe_shard import ASIDE, Shard, compression

_BATCH = 32  # examples that go through the graph together; a clip has megabytes


class TransformShard(beam.DoFn):
    """Shard -> the split's name and how many examples were written.

    Args:
      graph: The folder of Transform's `transform_graph` output.
      uri: Of the artifact, which gets Split-<name>/<the same file name>.
    """

    def __init__(self, graph: str, uri: str):
        self._graph, self._uri = graph, uri

    def setup(self) -> None:
        # Imported here so that Beam's workers can unpickle this module without TensorFlow.
        import tensorflow_transform as tft
        from tensorflow_transform import impl_helper
        from tfx_bsl.coders import example_coder

        output = tft.TFTransformOutput(self._graph)
        self._spec, self._layer = output.raw_feature_spec(), output.transform_features_layer()
        schema = output.transformed_metadata.schema
        self._to_arrow = impl_helper.make_tensor_to_arrow_converter(schema)
        self._encoder = example_coder.RecordBatchToExamplesEncoder(schema)

    def process(self, shard: Shard) -> Iterator[tuple[str, int]]:
        import tensorflow as tf

        from perceiver_keras.data.store.records import write_records

        aside = os.path.join(self._uri, ASIDE, f"{uuid.uuid4().hex}.tmp")
        target = os.path.join(self._uri, f"Split-{shard.split}", os.path.basename(shard.path))
        count = write_records(self._transformed(shard.path), aside, compression(shard.path))
        tf.io.gfile.makedirs(os.path.dirname(target))
        tf.io.gfile.rename(aside, target, overwrite=True)
        yield shard.split, count

    def _transformed(self, path: str) -> Iterator[bytes]:
        import tensorflow as tf

        from perceiver_keras.data.untuned import untuned

        for batch in untuned(tf.data.TFRecordDataset(path, compression(path)).batch(_BATCH)):
            outputs = self._layer(tf.io.parse_example(batch, self._spec))
            for record in self._encoder.encode(self._to_arrow.convert(outputs)):
                # The encoder gives the features of an example in any order.
                example = tf.train.Example.FromString(record)
                yield example.SerializeToString(deterministic=True)
