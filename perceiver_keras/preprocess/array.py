"""Arrays of any rank to [B, M, C]: the grid is flattened, and positions may be joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import FourierPosition, LearnedPosition, Position
from perceiver_keras.config_tree import tagged, untagged
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.position import (
    FourierPositionEncoding,
    linear_positions,
    position_encoding,
)
from perceiver_keras.preprocess.image import flatten_grid, with_positions

# What the two words mean; other sizes are given as a `FourierPosition` or a `LearnedPosition`.
POSITIONS = {"fourier": FourierPosition(num_bands=16), "learned": LearnedPosition(channels=64)}


def position_of(positions: Any) -> Position | None:
    """ "fourier", "learned", a configuration or its dictionary, or None, as a configuration.

    Raises:
        UsageError: it is none of these.
    """
    if positions is None:
        return None
    if isinstance(positions, str) and positions in POSITIONS:
        return POSITIONS[positions]
    if isinstance(positions, (FourierPosition, LearnedPosition, dict)):
        return untagged(Position, positions, "positions")
    raise UsageError(
        f"positions: expected 'fourier', 'learned', None, a FourierPosition or a LearnedPosition; got {positions!r}."
    )


@register
class ArrayPreprocess(keras.layers.Layer):
    """The elements of an array of any rank, with their positions as further channels.

    Args:
        positions: "fourier", "learned", a `FourierPosition` or `LearnedPosition`; None: elements have no order.
        max_shape: the largest grid. A smaller one has the positions of its first places, so that padding changes
            nothing. None: Fourier positions go from -1 to 1 over whatever grid is given; learned ones are for the
            first grid seen, which is then the largest.

    Call: [B, *grid, C], numbers of any type -> [B, M, C + P], M elements in row-major order.

    Raises:
        UsageError: the grid is larger than `max_shape` or of another rank, or learned positions can't know their
            number.
    """

    def __init__(
        self, *, positions: Any = "fourier", max_shape: Sequence[int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        config = position_of(positions)
        self.max_shape = None if max_shape is None else tuple(max_shape)
        self.position_config = config
        self._grid = self.max_shape  # whose first places a smaller grid has; None: no largest one
        self.position = None
        if config is not None:
            self.position = position_encoding(config, name="position", dtype=self.dtype_policy)
            if isinstance(config, FourierPosition) and config.max_resolution is None:
                self.position.max_resolution = self.max_shape

    def build(self, input_shape: Any) -> None:
        shape = tf.TensorShape(input_shape)
        self._check(shape)
        if self.position is not None:
            grid = self.max_shape or tuple(shape[1:-1])
            if isinstance(self.position_config, LearnedPosition):
                if None in grid:
                    raise UsageError(
                        f"positions='learned' need to know the largest grid, got {grid}; give max_shape."
                    )
                self._grid = grid
            build_part(self.position, (None, *grid, 1))
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        self._check(inputs.shape)
        features = flatten_grid(tf.cast(inputs, self.compute_dtype))
        if self.position is None:
            return features
        return with_positions(features, self._positions(inputs))

    def _positions(self, inputs: tf.Tensor) -> tf.Tensor:
        """Positions [M, P] of the grid of `inputs`."""
        if self._grid is None:
            return self.position(inputs)
        grid = [axis_size(inputs, axis + 1) for axis in range(len(self._grid))]
        for size, most in zip(grid, self._grid, strict=True):
            if not isinstance(size, int):
                tf.debugging.assert_less_equal(
                    size, most, f"The inputs are larger than {self._largest}."
                )
        if isinstance(self.position, FourierPositionEncoding):
            axes = [
                linear_positions(most)[:size] for most, size in zip(self._grid, grid, strict=True)
            ]
            return self.position.of_axes(axes, grid)
        every = self.position(tf.zeros([1, *self._grid, 1], self.compute_dtype))
        channels = every.shape[-1]
        places = tf.reshape(every, [*self._grid, channels])
        return tf.reshape(places[tuple(slice(size) for size in grid)], [-1, channels])

    @property
    def _largest(self) -> str:
        name = "max_shape" if self.max_shape else "learned positions' first grid"
        return f"{name} {self._grid}"

    def _check(self, shape: tf.TensorShape) -> None:
        grid = tuple(shape[1:-1])
        if self._grid is None:
            return
        if len(grid) != len(self._grid):
            raise UsageError(
                f"{self._largest} is for arrays of {len(self._grid) + 2} dimensions; got the shape "
                f"{tuple(shape)}."
            )
        if any(n is not None and n > most for n, most in zip(grid, self._grid, strict=True)):
            raise UsageError(
                f"The inputs' grid {grid} is larger than {self._largest}; give a larger max_shape."
            )

    def get_config(self) -> dict[str, Any]:
        config = self.position_config
        return super().get_config() | {
            "positions": None if config is None else tagged(config),
            "max_shape": None if self.max_shape is None else list(self.max_shape),
        }
