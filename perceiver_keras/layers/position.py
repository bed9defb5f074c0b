"""Positions of a grid of any number of dimensions: learned, or Fourier features (docs/architecture.md, Positions)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import FourierPosition, LearnedPosition, Position
from perceiver_keras.layers import fourier
from perceiver_keras.layers.chunked import Size, axis_size
from perceiver_keras.layers.linear import Linear, build_part, register


def linear_positions(size: Size) -> tf.Tensor:
    """`size` positions from -1 to 1, both ends included: float64 [size]; a size of 1 gives -1."""
    step = 2.0 / tf.cast(tf.maximum(size - 1, 1), tf.float64)
    return -1.0 + tf.cast(tf.range(size), tf.float64) * step


def _waves(positions: tf.Tensor, resolution: Size, num_bands: int) -> tuple[tf.Tensor, tf.Tensor]:
    """sin and cos of π·f·p for K frequencies from 1 to resolution/2: float64 [L] -> float32 [L, K].

    Computed in float64, because π·f·p reaches hundreds and float32 would leave four digits. This is
    cheap: a grid needs it once per side, not once per point.
    """
    highest = tf.cast(resolution, tf.float64) / 2.0
    share = tf.cast(tf.range(num_bands), tf.float64) / max(num_bands - 1, 1)
    angles = math.pi * positions[:, None] * (1.0 + (highest - 1.0) * share)
    return tf.cast(tf.sin(angles), tf.float32), tf.cast(tf.cos(angles), tf.float32)


class _PositionEncoding(keras.layers.Layer):
    """What the two encodings share: an optional Linear to `project_dim` channels."""

    def __init__(self, *, project_dim: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project_dim = project_dim
        self.projection = None
        if project_dim is not None:
            self.projection = Linear(project_dim, name="projection", dtype=self.dtype_policy)

    def _build_projection(self, channels: int) -> None:
        if self.projection is not None:
            build_part(self.projection, (None, channels))

    def output_channels(self, dims: int) -> int:
        """Channels of the positions of a grid of `dims` dimensions."""
        return self.num_channels(dims) if self.project_dim is None else self.project_dim

    def _project(self, positions: tf.Tensor) -> tf.Tensor:
        positions = tf.cast(positions, self.compute_dtype)
        return positions if self.projection is None else self.projection(positions)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"project_dim": self.project_dim}


@register
class LearnedPositionEncoding(_PositionEncoding):
    """One learned vector per place of the grid, whose size is therefore fixed once built.

    A shorter sequence (a grid of one dimension) uses the first vectors.

    Args:
        channels: channels of the learned array.
        init_scale: standard deviation of its truncated normal initialiser.
        project_dim: channels after an optional Linear.

    Call: features [B, *grid, C], used for the grid alone -> positions [M, P], M places in row-major order.
    """

    def __init__(self, *, channels: int, init_scale: float = 0.02, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.init_scale = init_scale

    def build(self, input_shape: Any) -> None:
        grid = tf.TensorShape(input_shape)[1:-1]
        if not grid.is_fully_defined():
            raise ValueError(
                f"{self.name}: learned positions need a grid of known size, got {grid}."
            )
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(grid.num_elements(), self.channels),
            initializer=keras.initializers.TruncatedNormal(stddev=self.init_scale),
        )
        self._build_projection(self.channels)
        super().build(input_shape)

    def num_channels(self, dims: int) -> int:
        """Channels before the projection."""
        return self.channels

    def call(self, features: tf.Tensor) -> tf.Tensor:
        places = self.embeddings.shape[0]
        if features.shape.rank == 3:
            size = axis_size(features, 1)
            if isinstance(size, int) and size > places:
                raise ValueError(
                    f"{self.name}: {size} elements, but only {places} learned positions."
                )
            return self._project(self.embeddings[:size])
        grid = features.shape[1:-1]
        if grid.is_fully_defined() and grid.num_elements() != places:
            raise ValueError(
                f"{self.name} has {places} learned positions, but the grid {grid} has "
                f"{grid.num_elements()} places; learned positions fit one size only."
            )
        return self._project(self.embeddings)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"channels": self.channels, "init_scale": self.init_scale}


@register
class FourierPositionEncoding(_PositionEncoding):
    """Sines and cosines of positions in [-1, 1]^d, for grids of any size.

    The channels are [positions (d), all sines (d·K), all cosines (d·K)], ordered by dimension, then band.

    Args:
        num_bands: frequencies K per dimension, linearly spaced from 1 to half the resolution.
        max_resolution: resolution per dimension; default: the grid's sizes.
        concat_pos: keep the positions themselves as the first d channels.
        sine_only: leave the cosines out.
        arithmetic: "exact", or the roundings of the implementation that the weights come from, "official" or
            "port" (see `fourier`; grids of unknown size are always exact).
        project_dim: channels after an optional Linear.

    Call: features [B, *grid, C], used for the grid alone -> positions [M, P], M places in row-major order.
    """

    def __init__(
        self,
        *,
        num_bands: int,
        max_resolution: Sequence[int] | None = None,
        concat_pos: bool = True,
        sine_only: bool = False,
        arithmetic: str = "exact",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if arithmetic not in ("exact", "official", "port"):
            raise ValueError(f"arithmetic: {arithmetic!r} is not 'exact', 'official' or 'port'.")
        self.arithmetic = arithmetic
        self.num_bands = num_bands
        self.max_resolution = None if max_resolution is None else tuple(max_resolution)
        self.concat_pos = concat_pos
        self.sine_only = sine_only

    def build(self, input_shape: Any) -> None:
        dims = tf.TensorShape(input_shape).rank - 2
        if self.max_resolution is not None and len(self.max_resolution) != dims:
            raise ValueError(
                f"{self.name}: max_resolution {self.max_resolution} is not for a grid of {dims} dimensions."
            )
        self._build_projection(self.num_channels(dims))
        super().build(input_shape)

    def num_channels(self, dims: int) -> int:
        """Channels before the projection, of a grid of `dims` dimensions."""
        return dims * (self.num_bands * (1 if self.sine_only else 2) + int(self.concat_pos))

    def call(self, features: tf.Tensor) -> tf.Tensor:
        grid = [axis_size(features, axis) for axis in range(1, features.shape.rank - 1)]
        return self.of_grid(grid)

    def of_grid(self, grid: Sequence[Size], to_the_ends: bool = True) -> tf.Tensor:
        """Features of all places of a grid, [M, channels]; `to_the_ends=False` follows the rule of `of_points`."""
        if self._is_rounded(grid):
            return self._over_grid(self._tables(grid, to_the_ends), grid)
        if to_the_ends:
            return self.of_axes([linear_positions(size) for size in grid], grid)
        return self.of_axes([_point_positions(size) for size in grid], grid)

    def of_points(self, points: tf.Tensor, grid: Sequence[Size]) -> tf.Tensor:
        """Features of flat row-major indices into a grid, at -1 + 2·index/size: [..., P] -> [..., P, channels].

        This is the official rule for subsampled queries. Unlike in `linear_positions`, the last index does not reach 1.
        The released video model is always decoded this way.
        """
        if self._is_rounded(grid):
            of_axes = self._tables(grid, False)
        else:
            of_axes = self._exact_tables([_point_positions(size) for size in grid], grid)
        rest, tables = tf.cast(points, tf.int64), []
        for size, table in zip(reversed(grid), reversed(of_axes), strict=True):
            tables.append([tf.gather(part, rest % size) for part in table])
            rest //= size
        return self._project(self._join(tables[::-1], lambda table, axis: table))

    def of_axes(self, axes: Sequence[tf.Tensor], grid: Sequence[Size]) -> tf.Tensor:
        """Features of the grid spanned by each axis's positions (float64 [n]): [M, channels]."""
        return self._over_grid(self._exact_tables(axes, grid), grid)

    def _is_rounded(self, grid: Sequence[Size]) -> bool:
        return self.arithmetic != "exact" and all(isinstance(size, int) for size in grid)

    def _tables(self, grid: Sequence[int], to_the_ends: bool) -> list[fourier.Table]:
        resolution = self.max_resolution or grid
        return [
            fourier.axis_table(size, high, self.num_bands, self.arithmetic, to_the_ends)
            for size, high in zip(grid, resolution, strict=True)
        ]

    def _exact_tables(self, axes: Sequence[tf.Tensor], grid: Sequence[Size]) -> list[tuple]:
        """Per axis: positions [L, 1], sines and cosines [L, K]."""
        resolution = self.max_resolution or grid
        return [
            (tf.cast(p, tf.float32)[:, None], *_waves(p, high, self.num_bands))
            for p, high in zip(axes, resolution, strict=True)
        ]

    def _over_grid(self, tables: Sequence[Sequence[Any]], grid: Sequence[Size]) -> tf.Tensor:
        count = math.prod(grid) if all(isinstance(s, int) for s in grid) else -1

        def spread(table: tf.Tensor, axis: int) -> tf.Tensor:
            """[n_axis, c] over the whole grid: [*grid, c]."""
            shape = [1] * len(grid) + [table.shape[-1]]
            shape[axis] = grid[axis]
            return tf.broadcast_to(tf.reshape(table, shape), [*grid, table.shape[-1]])

        positions = self._join(tables, spread)
        return self._project(tf.reshape(positions, [count, positions.shape[-1]]))

    def _join(
        self,
        tables: Sequence[Sequence[Any]],
        spread: Callable[[tf.Tensor, int], tf.Tensor],
    ) -> tf.Tensor:
        """The axes' tables in the order of the channels: positions, sines, cosines."""
        kinds = [0] * self.concat_pos + [1] + [2] * (not self.sine_only)
        dtype = self.compute_dtype if self.projection is None else tf.float32
        return tf.concat(
            [
                spread(tf.cast(table[kind], dtype), axis)
                for kind in kinds
                for axis, table in enumerate(tables)
            ],
            axis=-1,
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_bands": self.num_bands,
            "max_resolution": self.max_resolution,
            "concat_pos": self.concat_pos,
            "sine_only": self.sine_only,
            "arithmetic": self.arithmetic,
        }


def _point_positions(size: Size) -> tf.Tensor:
    """Positions of an axis by the official rule for output points, -1 + 2·index/size: float64 [size]."""
    return -1.0 + 2.0 * tf.range(size, dtype=tf.float64) / tf.cast(size, tf.float64)


def position_encoding(config: Position, **kwargs: Any) -> keras.layers.Layer:
    """The layer that a position's configuration describes."""
    if isinstance(config, LearnedPosition):
        return LearnedPositionEncoding(
            channels=config.channels,
            init_scale=config.init_scale,
            project_dim=config.project_dim,
            **kwargs,
        )
    assert isinstance(config, FourierPosition), config
    return FourierPositionEncoding(
        num_bands=config.num_bands,
        max_resolution=config.max_resolution,
        concat_pos=config.concat_pos,
        sine_only=config.sine_only,
        arithmetic=config.arithmetic,
        project_dim=config.project_dim,
        **kwargs,
    )
