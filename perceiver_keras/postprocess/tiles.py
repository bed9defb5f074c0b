"""Flow of frames of any size with a model of one size: cut into tiles, predict, stitch.

Three rules determine where the tiles along a side lie (side L, tile T, least overlap V: 20 pixels, or less
for small tiles):

  - "minimal" (the default): as few tiles as overlap by V, 1 + ⌈(L - T) / (T - V)⌉, evenly spaced.
    No tile is predicted twice; 1080×1920 takes 4×4 tiles of 368×496.
  - "notebook": the released code's rule. A tile every T - V pixels, ⌈L / (T - V)⌉ in all, the last one
    moved back flush with the border. It predicts the same tile four times if both sides have L = T,
    and takes 4×5 tiles on 1080×1920. If the last but one would cross the border, where the released
    code fails, it is moved back too.
  - "paper": six evenly spaced tiles on Sintel and KITTI (paper, App. H). The paper says nothing about
    other sizes: here as many as the notebook's rule has, evenly spaced. On Sintel and KITTI the rows
    are the notebook's, the columns are not (docs/architecture.md, Evaluation).

A tile's weight at a pixel is the pixel's distance to the tile's nearest edge, 1 at the edge itself.

A side shorter than the tile is enlarged to it, and the flow is then shrunk back, its values too. This
measured better than padding (a small trained model on 9×12 of its 12×16 pixels: an end-point error of
0.39 pixels enlarged, 0.57 with the border repeated, 0.67 with zeros, 0.74 unchanged).

All operations are TensorFlow core operations and work on unknown shapes, so that one traced function
serves all sizes. Shapes: B pairs of frames of H×W pixels with C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import tensorflow as tf

from perceiver_keras.layers.xla import fused

Tiling = Literal["minimal", "notebook", "paper"]
TILINGS: tuple[str, ...] = get_args(Tiling)
OVERLAP = 20  # pixels, the released notebook's


def overlap_of(tile: int) -> int:
    """Least overlap of neighbouring tiles in pixels: 20, or a quarter of a tile below 80."""
    return min(OVERLAP, tile // 4)


def starts(length: int | tf.Tensor, tile: int, tiling: str = "minimal") -> tf.Tensor:
    """First pixels of the tiles along one side: int32 [n], ascending except for the notebook's last.

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
    """Distance of each pixel to the nearest edge, 1 for pixels at the edge: float64 [h, w]."""
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
      at_once: Tiles per call of `predict`.

    Returns:
      float32 [B, H, W, 2].
    """
    size = tf.shape(frames)[2:4]
    enlarged = tf.maximum(size, tile)
    small = tf.reduce_any(enlarged > size)
    frames = tf.cond(small, lambda: _resized(frames, enlarged), lambda: frames)
    places = corners(enlarged[0], enlarged[1], tile, tiling)
    flows = _predict_all(predict, frames, places, tile, at_once)
    flows = tf.reshape(flows, [tf.shape(frames)[0], tf.shape(places)[0], *tile, 2])
    flow = stitch(flows, places, enlarged)
    ratio = tf.cast(size / enlarged, tf.float32)[::-1]  # of x, then of y
    return tf.cond(small, lambda: ratio * _resized(flow, size), lambda: flow)


def _resized(pictures: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """[..., H, W, C] to another size, bilinear, antialiased where it shrinks."""
    shape = tf.shape(pictures)
    flat = tf.reshape(pictures, tf.concat([[-1], shape[-3:]], 0))
    resized = tf.image.resize(flat, size, antialias=True)
    whole = tf.reshape(resized, tf.concat([shape[:-3], size, shape[-1:]], 0))
    return tf.ensure_shape(whole, [*pictures.shape[:-3], None, None, pictures.shape[-1]])


def _predict_all(
    predict: Callable[[tf.Tensor], tf.Tensor],
    frames: tf.Tensor,
    places: tf.Tensor,
    tile: Sequence[int],
    at_once: int,
) -> tf.Tensor:
    """Flow of every tile, pair by pair: [B·n, h, w, 2]."""
    number = tf.shape(places)[0]
    batch, height, width = (tf.shape(frames)[axis] for axis in (0, 2, 3))
    total, channels = batch * number, frames.shape[-1]
    pixels = tf.reshape(tf.transpose(frames, [0, 2, 3, 1, 4]), [-1, 2, channels])

    def body(step: tf.Tensor, flows: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        items = tf.range(step * at_once, tf.minimum((step + 1) * at_once, total))
        indices = _pixels_of(tf.gather(places, items % number), tile, width)
        indices += (items // number * height * width)[:, None, None]  # the tile's pair
        tiles = tf.transpose(tf.gather(pixels, indices), [0, 3, 1, 2, 4])
        # One at a time is the commonest number, and a batch that is known is faster.
        tiles.set_shape([1 if at_once == 1 else None, 2, *tile, channels])
        flow = tf.cast(alone(tiles), tf.float32)
        return step + 1, flows.write(step, tf.ensure_shape(flow, [None, *tile, 2]))

    alone = fused(predict)
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

    Sums are in float64, where products of a float32 and a weight below 2²⁸ are exact. A flow on which
    all tiles agree is therefore returned unchanged, to the last bit.

    Args:
      flows: [B, n, h, w, 2].
      places: First pixels of the tiles, which cover the frame: int32 [n, 2].
      size: (H, W) of the frame, int32 [2].

    Returns:
      float32 [B, H, W, 2].
    """
    batch, tile = tf.shape(flows)[0], flows.shape[2:4]
    weight = weights(tile)
    pixels = tf.reshape(_pixels_of(places, tile, size[1]), [-1])
    weighted = tf.cast(flows, tf.float64) * weight[..., None]
    values = tf.reshape(tf.transpose(weighted, [1, 2, 3, 0, 4]), [-1, 2 * batch])
    sums = tf.math.unsorted_segment_sum(values, pixels, size[0] * size[1])
    weight = tf.reshape(tf.tile(weight[None], [tf.shape(places)[0], 1, 1]), [-1, 1])
    total = tf.math.unsorted_segment_sum(weight, pixels, size[0] * size[1])
    flow = tf.reshape(tf.cast(sums / total, tf.float32), [size[0], size[1], batch, 2])
    return tf.transpose(flow, [2, 0, 1, 3])


def _pixels_of(places: tf.Tensor, tile: Sequence[int], width: tf.Tensor) -> tf.Tensor:
    """Row-major indices of the tiles' pixels in a frame of that width: int32 [n, h, w]."""
    rows = places[:, :1] + tf.range(tile[0])
    columns = places[:, 1:] + tf.range(tile[1])
    return rows[:, :, None] * width + columns[:, None]


def _ceil_div(a: int | tf.Tensor, b: int) -> tf.Tensor:
    return -(-a // b)
