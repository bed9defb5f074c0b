"""Decoded outputs in the shape of what was asked for."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.errors import UsageError
from perceiver_keras.layers.linear import register

LIKE = ("one", "list", "inputs", "queries")


@register
class ArrayPostprocess(keras.layers.Layer):
    """[B, O, E] as [B, E] of the one output, as it is, or on the grid of the inputs or of the queries.

    Args:
        like: "one" -> [B, E]; "list" -> [B, O, E]; "inputs" or "queries", which are [B, *grid, C], -> [B, *grid, E].

    Call: [B, O, E], the model's `inputs`, and its queries as `points` -> float32.
    """

    def __init__(self, *, like: str = "list", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if like not in LIKE:
            raise UsageError(f"like: expected one of {', '.join(LIKE)}; got {like!r}.")
        self.like = like

    def call(self, outputs: tf.Tensor, inputs: Any = None, points: Any = None) -> tf.Tensor:
        outputs = tf.cast(outputs, tf.float32)
        if self.like == "one":
            return outputs[:, 0]
        array = {"inputs": inputs, "queries": points}.get(self.like)
        if array is None or array.shape.rank == 3:
            return outputs
        channels = outputs.shape[-1]
        on_grid = tf.reshape(outputs, tf.concat([tf.shape(array)[:-1], [channels]], 0))
        on_grid.set_shape(array.shape[:-1] + [channels])
        return on_grid

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"like": self.like}
