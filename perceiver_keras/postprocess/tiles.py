"""Flow of pictures of any size by a model of one size: cut into tiles, predict, stitch.

Three rules say where the tiles of a side lie (length L, tile T, overlap V of at least 20 pixels, less
for small tiles):

  - "minimal" (the default): as few tiles as overlap by V, 1 + ⌈(L - T) / (T - V)⌉, evenly spaced.
    No tile is predicted twice; 1080×1920 takes 4×4 tiles of 368×496.
  - "notebook": the released code's. Every T - V pixels from 0 on, ⌈L / (T - V)⌉ of them, the last
    moved back flush with the border. It predicts the same tile four times where L = T, and takes 4×5
    tiles on 1080×1920. Where the last but one reaches over the border, at which the released code
    fails, it is moved back too.
  - "paper": six evenly spaced tiles, says the paper of Sintel and KITTI (section 4.2). For other
    sizes it says nothing: here as many as the notebook's rule has, evenly spaced. Same rows as the
    notebook's on Sintel and KITTI, other columns (SPEC: Evaluation).

A tile's weight at a pixel is the pixel's distance to the tile's nearest edge, from 1 at the edge.

A picture smaller than a tile is continued at its right and lower border by repeating the border,
and the flow is cropped. That keeps the flow's scale, costs one tile and works down to one pixel.

Everything is TensorFlow core operations on shapes that need not be known, so that one traced
function serves all sizes. B pairs of frames, H×W their size, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import tensorflow as tf

Tiling = Literal["minimal", "notebook", "paper"]
TILINGS: tuple[str, ...] = get_args(Tiling)
OVERLAP = 20  # pixels, the released notebook's


def overlap_of(tile: int) -> int:
    """Pixels by which neighbours overlap at least: 20 of the released tiles, a quarter of small ones."""
    return min(OVERLAP, tile // 4)


def starts(length: int | tf.Tensor, tile: int, tiling: str = "minimal") -> tf.Tensor:
    """First pixels of the tiles along one side: int32 [n], ascending but for the notebook's last.

    Args:
      length: The side, at least `tile`.
      tile: The tile's side.
      tiling: One of `TILINGS`.
    """
    length = tf.cast(length, tf.int32)
    step = tile - overlap_of(tile)
    number = _ceil_div(length, step)
    if tiling == "minimal":
        number = 1 + _ceil_div(length - tile, step)
    places = tf.range(number)
    if tiling == "notebook":
        places = tf.where(places < number - 1, places * step, length - tile)
        return tf.minimum(places, length - tile)
    gaps = tf.maximum(number - 1, 1)
    return (2 * places * (length - tile) + gaps) // (2 * gaps)  # rounded, half up


def corners(height: int | tf.Tensor, width: int | tf.Tensor, tile: Sequence[int], tiling: str):
    """(row, column) of each tile's first pixel, row by row: int32 [n, 2]."""
    grid = tf.meshgrid(
        starts(height, tile[0], tiling), starts(width, tile[1], tiling), indexing="ij"
    )
    return tf.reshape(tf.stack(grid, axis=-1), [-1, 2])


def weights(tile: Sequence[int]) -> tf.Tensor:
    """Distance of each pixel to the nearest edge, the edge's own pixels 1: float64 [h, w]."""
    rows, columns = (tf.minimum(tf.range(side) + 1, side - tf.range(side)) for side in tile)
    return tf.cast(tf.minimum(rows[:, None], columns[None]), tf.float64)


def predict_tiled(
    predict: Callable[[tf.Tensor], tf.Tensor],
    frames: tf.Tensor,
    tile: Sequence[int],
    tiling: str = "minimal",
    at_once: int = 1,
) -> tf.Tensor:
    """Flow of pairs of frames of any size.

    Args:
      predict: [N, 2, h, w, C] -> flow [N, h, w, 2] of tiles h×w.
      frames: [B, 2, H, W, C].
      tile: (h, w).
      tiling: One of `TILINGS`.
      at_once: Tiles a call of `predict`.

    Returns:
      float32 [B, H, W, 2].
    """
    batch, height, width = (tf.shape(frames)[axis] for axis in (0, 2, 3))
    frames = continued(frames, tile)
    size = tf.shape(frames)[2:4]
    places = corners(size[0], size[1], tile, tiling)
    flows = _predict_all(predict, frames, places, tile, at_once)
    flows = tf.reshape(flows, [batch, tf.shape(places)[0], *tile, 2])
    return stitch(flows, places, size)[:, :height, :width]


def continued(frames: tf.Tensor, tile: Sequence[int]) -> tf.Tensor:
    """Frames [B, 2, H, W, C] at least as large as a tile, the border's pixels repeated."""
    for axis, side in zip((2, 3), tile, strict=True):
        length = tf.shape(frames)[axis]
        indices = tf.minimum(tf.range(tf.maximum(length, side)), length - 1)
        frames = tf.gather(frames, indices, axis=axis)
    return frames


def _predict_all(
    predict: Callable[[tf.Tensor], tf.Tensor],
    frames: tf.Tensor,
    places: tf.Tensor,
    tile: Sequence[int],
    at_once: int,
) -> tf.Tensor:
    """Flow of every tile, pair by pair: [B·n, h, w, 2]."""
    number = tf.shape(places)[0]
    total = tf.shape(frames)[0] * number
    channels = frames.shape[-1]

    def cut(item: tf.Tensor) -> tf.Tensor:
        row, column = tf.unstack(places[item % number])
        pair = frames[item // number]
        return tf.slice(pair, [0, row, column, 0], [2, *tile, channels])

    def body(step: tf.Tensor, flows: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        items = tf.range(step * at_once, tf.minimum((step + 1) * at_once, total))
        signature = tf.TensorSpec([2, *tile, channels], frames.dtype)
        tiles = tf.map_fn(cut, items, fn_output_signature=signature)
        flow = tf.cast(predict(tiles), tf.float32)
        return step + 1, flows.write(step, tf.ensure_shape(flow, [None, *tile, 2]))

    steps = _ceil_div(total, at_once)
    flows = tf.TensorArray(tf.float32, steps, infer_shape=False, element_shape=[None, *tile, 2])
    _, flows = tf.while_loop(
        lambda step, flows: step < steps,
        body,
        [tf.constant(0), flows],
        parallel_iterations=1,  # one call's memory at a time
    )
    return flows.concat()


def stitch(flows: tf.Tensor, places: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The weighted mean of overlapping tiles.

    Sums are in float64: products of a float32 and a weight below 2²⁸ are exact there, so a flow on
    which all tiles agree comes out as it was, to the bit.

    Args:
      flows: [B, n, h, w, 2].
      places: Of the tiles, int32 [n, 2]; they cover the picture.
      size: (H, W) of the picture, int32 [2].

    Returns:
      float32 [B, H, W, 2].
    """
    batch, tile = tf.shape(flows)[0], flows.shape[2:4]
    weight = weights(tile)
    rows = places[:, :1] + tf.range(tile[0])  # [n, h]
    columns = places[:, 1:] + tf.range(tile[1])  # [n, w]
    pixels = tf.reshape(rows[:, :, None] * size[1] + columns[:, None], [-1])
    weighted = tf.cast(flows, tf.float64) * weight[..., None]
    values = tf.reshape(tf.transpose(weighted, [1, 2, 3, 0, 4]), [-1, 2 * batch])
    sums = tf.math.unsorted_segment_sum(values, pixels, size[0] * size[1])
    weight = tf.reshape(tf.tile(weight[None], [tf.shape(places)[0], 1, 1]), [-1, 1])
    total = tf.math.unsorted_segment_sum(weight, pixels, size[0] * size[1])
    flow = tf.reshape(tf.cast(sums / total, tf.float32), [size[0], size[1], batch, 2])
    return tf.transpose(flow, [2, 0, 1, 3])


def _ceil_div(a: int | tf.Tensor, b: int) -> tf.Tensor:
    return -(-a // b)
