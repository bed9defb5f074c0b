"""Transform's graph on features as the task's own spec parses them.

SchemaGen infers a scalar as a list of one, and a feature that some example lacks as sparse. Transform's graph
wants what the schema says; a task says once, in `feature_spec`, what its features are.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft


class TransformGraph(tf.Module):
    """Call: batched raw features {name: [B, ...]} -> transformed features, in serving as in training.

    Args:
      uri: The folder of Transform's `transform_graph` output.
    """

    def __init__(self, uri: str):
        super().__init__()
        output = tft.TFTransformOutput(uri)
        self.layer = (
            output.transform_features_layer()
        )  # tracked: an export takes its vocabularies along
        self._spec = output.raw_feature_spec()

    def __call__(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return self.layer({name: self._as_stored(name, value) for name, value in features.items()})

    def _as_stored(self, name: str, value: tf.Tensor) -> tf.Tensor | tf.SparseTensor:
        spec = self._spec[name]
        if isinstance(spec, tf.io.FixedLenFeature):
            return tf.reshape(value, [-1, *spec.shape])
        return tf.sparse.from_dense(tf.reshape(value, [tf.shape(value)[0], -1]))
