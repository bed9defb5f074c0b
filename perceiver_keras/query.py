"""Query: what is asked of the latents, one query per output (paper, section 3.2).

Every query layer is called as `query(array, inputs=..., points=...)`, with the preprocessed array [B, M, C], the
model's raw inputs (for their sizes) and the output points wanted (None: all). It returns queries [B, O, Q].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import Position
from perceiver_keras.config_tree import tagged, untagged
from perceiver_keras.encode import broadcast_to_batch
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import Linear, build_part, register
from perceiver_keras.layers.modalities import Modalities, add_vector, pad_channels
from perceiver_keras.layers.position import (
    FourierPositionEncoding,
    position_encoding,
)
from perceiver_keras.preprocess.image import flatten_grid

ARRAY_SOURCES = ("inputs", "positions", "given")


@register
class LearnedQuery(keras.layers.Layer):
    """A learned array of queries, the same for every example.

    Args:
        num_queries: number of outputs O.
        channels: query channels Q.
        init_scale: standard deviation of its truncated normal initialiser.
        per_input: use one query per element of the array: the first M of the O.

    Call: array [B, M, C] (only its sizes are used) -> [B, O, Q]; `points` [P] selects some of the O.
    """

    def __init__(
        self,
        *,
        num_queries: int = 1,
        channels: int,
        init_scale: float = 0.02,
        per_input: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.per_input = per_input
        self.num_queries = num_queries
        self.channels = channels
        self.init_scale = init_scale

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_queries, self.channels),
            initializer=keras.initializers.TruncatedNormal(stddev=self.init_scale),
        )
        super().build(input_shape)

    def call(
        self, array: tf.Tensor, inputs: Any = None, points: tf.Tensor | None = None
    ) -> tf.Tensor:
        embeddings = tf.convert_to_tensor(self.embeddings)
        if self.per_input:
            embeddings = embeddings[: axis_size(array, 1)]
        if points is not None:
            embeddings = tf.gather(embeddings, points)
        return broadcast_to_batch(embeddings, array)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_queries": self.num_queries,
            "channels": self.channels,
            "init_scale": self.init_scale,
            "per_input": self.per_input,
        }

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        batch, elements, _ = tf.TensorShape(input_shape)
        queries = elements if self.per_input else self.num_queries
        return tf.TensorShape([batch, queries, self.channels])


@register
class InputQuery(keras.layers.Layer):
    """The preprocessed inputs themselves: one output per element (optical flow, entities).

    Args:
        frames: number of frames whose elements the array holds in turn; the first frame's are the queries.

    Call: array [B, M, C] -> [B, M / frames, C], or the elements at the indices `points` [P].
    """

    def __init__(self, *, frames: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frames = frames

    def call(
        self, array: tf.Tensor, inputs: Any = None, points: tf.Tensor | None = None
    ) -> tf.Tensor:
        if points is not None:
            return tf.gather(array, points, axis=1)
        return array if self.frames == 1 else array[:, : axis_size(array, 1) // self.frames]

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        batch, elements, channels = tf.TensorShape(input_shape)
        elements = None if elements is None else elements // self.frames
        return tf.TensorShape([batch, elements, channels])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"frames": self.frames}


@register
class PositionQuery(keras.layers.Layer):
    """Positions of an output grid, the same for every example.

    Fourier positions follow the official rule for output points, -1 + 2·index/size, so the last index
    does not reach 1. Complete outputs follow it too, because the released model is decoded this way.

    Args:
        grid: sizes of the output grid.
        position: learned or Fourier positions.

    Call: array [B, M, C] (only its batch size is used) -> [B, O, Q], for all places of the grid in
        row-major order, or for the flat indices `points`: [P], or [B, P] if they differ by example.
    """

    def __init__(
        self, *, grid: Sequence[int], position: Position | dict[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.grid = tuple(grid)
        self.position_config = untagged(Position, position, "position")
        self.position = position_encoding(
            self.position_config, name="position", dtype=self.dtype_policy
        )

    @property
    def num_queries(self) -> int:
        return math.prod(self.grid)

    def build(self, input_shape: Any) -> None:
        build_part(self.position, (None, *self.grid, 1))
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        channels = self.position.output_channels(len(self.grid))
        return tf.TensorShape([tf.TensorShape(input_shape)[0], self.num_queries, channels])

    def call(
        self, array: tf.Tensor, inputs: Any = None, points: tf.Tensor | None = None
    ) -> tf.Tensor:
        if not isinstance(self.position, FourierPositionEncoding):
            queries = self.position(tf.zeros((1, *self.grid, 1), self.compute_dtype))
            queries = queries if points is None else tf.gather(queries, points)
        elif points is None:
            queries = self.position.of_grid(self.grid, to_the_ends=False)
        else:
            queries = self.position.of_points(points, self.grid)
        own = points is not None and points.shape.rank == 2
        return queries if own else broadcast_to_batch(queries, array)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "grid": list(self.grid),
            "position": tagged(self.position_config),
        }


@register
class ArrayQuery(keras.layers.Layer):
    """Queries from an array, each element through a Linear: from the inputs, their positions, or what is given.

    Args:
        source: "inputs", the preprocessed array; "positions", those of its channels that the preprocessing added to
            the inputs' own; "given", an array of queries, which the call takes as `points`.
        channels: query channels Q.

    Call: array [B, M, C] -> [B, M, Q]; with "given", points [B, *grid, X] -> [B, O, Q] in row-major order.
    """

    def __init__(self, *, source: str, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if source not in ARRAY_SOURCES:
            raise UsageError(f"source: expected one of {', '.join(ARRAY_SOURCES)}; got {source!r}.")
        self.source = source
        self.channels = channels
        self.projection = Linear(channels, name="projection", dtype=self.dtype_policy)

    def call(
        self, array: tf.Tensor, inputs: Any = None, points: tf.Tensor | None = None
    ) -> tf.Tensor:
        if self.source == "positions":
            array = array[:, :, inputs.shape[-1] :]
        elif self.source == "given":
            array = flatten_grid(tf.cast(points, self.compute_dtype))
        return self.projection(array)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"source": self.source, "channels": self.channels}


@register
class MultimodalQuery(Modalities):
    """The queries of each modality, padded with a learned vector to the same channels and joined.

    Args:
        modalities: query layer by modality; the order is alphabetical.
        min_padding_size: padding channels of the modality with the widest queries.

    Call: array [B, M, C] -> [B, O, Q]; `points` {modality: [P] or [B, P]} selects outputs of some modalities.
    """

    def __init__(
        self, *, modalities: Mapping[str, Any], min_padding_size: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(modalities=modalities, **kwargs)
        self.min_padding_size = min_padding_size

    def build(self, input_shape: Any) -> None:
        channels = {}
        for name, part in self.modalities.items():
            build_part(part, input_shape)
            channels[name] = part.compute_output_shape(input_shape)[-1]
        common = max(channels.values()) + self.min_padding_size
        self.paddings = {
            name: add_vector(self, f"{name}_padding", common - channels[name]) for name in channels
        }
        super().build(input_shape)

    def call(
        self,
        array: tf.Tensor,
        inputs: Any = None,
        points: Mapping[str, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        queries = [self.of(name, array, (points or {}).get(name)) for name in self.modalities]
        return tf.concat(queries, axis=1)

    def of(self, name: str, array: tf.Tensor, points: tf.Tensor | None = None) -> tf.Tensor:
        """The queries of one modality, padded."""
        queries = self.modalities[name](array, points=points)
        return pad_channels(queries, tf.cast(self.paddings[name], queries.dtype))

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        shapes = [p.compute_output_shape(input_shape) for p in self.modalities.values()]
        channels = max(shape[-1] for shape in shapes) + self.min_padding_size
        queries = [shape[1] for shape in shapes]
        count = None if None in queries else sum(queries)
        return tf.TensorShape([shapes[0][0], count, channels])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"min_padding_size": self.min_padding_size}
