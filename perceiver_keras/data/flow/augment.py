"""Augmentation of frame pairs with flow, as in RAFT, and reversed pairs. Stateless.

A pair is frames [2, H, W, C] float32 in [0, 1] and truth [H, W, 4] float32: flow in pixels (x first, from the first
frame to the second), then valid and occluded (0 or 1). All geometry is one linear map of points p = (x, y), where
(0, 0) is the centre of the upper left pixel: pixel q of the result is fetched at p = scale·q + shift. So the flow is
transformed exactly: flow'(q) = flow(p) / scale.

The values are those of RAFT (arXiv 2003.12039, its `FlowAugmentor`) as AutoFlow's repository uses them. The paper does
not state which of them its own training used.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from perceiver_keras.config import frozen
from perceiver_keras.data.image import LUMA
from perceiver_keras.data.seeds import fold_in


@frozen()
class FlowAugmentation:
    """How a pair is changed at full strength. Factors are 1 ± the value; chances are from 0 to 1."""

    brightness: float = 0.4  # largest change, as a factor 1 ± this [factor]
    contrast: float = 0.4  # largest change, as a factor 1 ± this [factor]
    saturation: float = 0.4  # largest change, as a factor 1 ± this [factor]
    hue: float = 0.5 / 3.14  # largest change of hue, either way [turns]
    apart: float = 0.2  # chance that the two frames' colours are changed independently [share]
    eraser: float = 0.5  # chance of boxes in the second frame, filled with its mean colour [share]
    eraser_boxes: int = 2  # how many boxes at most [boxes]
    eraser_size: tuple[int, ...] = (50, 99)  # sides of a box, least and most [pixels]
    resize: float = 0.8  # chance of any resizing [share]
    min_scale: float = -0.2  # least growth of the frames [octaves]
    max_scale: float = 0.5  # largest growth of the frames [octaves]
    stretch: float = 0.8  # chance that the two sides are scaled differently [share]
    max_stretch: float = 0.2  # largest difference, either way, on each side [octaves]
    flip_horizontal: float = 0.5  # chance of a left-right flip [share]
    flip_vertical: float = 0.1  # chance of an upside-down flip [share]
    # By how much the crop may cross the border before it is moved back [pixels]
    crop_margin: int = 20


class Map(NamedTuple):
    """p = scale·q + shift, x first: where pixel q of the result comes from. Negative scales flip."""

    scale: tf.Tensor  # float32 [2]
    shift: tf.Tensor  # float32 [2]


# === Geometry ===


def centre_crop(shape: tf.Tensor, size: tuple[int, int]) -> Map:
    """The middle `size` (rows, columns) of frames of `shape`; smaller frames are enlarged to cover it."""
    scale, free = _covering(shape, size, tf.ones([2]))
    return Map(scale, _half_pixels(scale) + tf.floor(free / 2) * scale)


def random_crop(shape: tf.Tensor, size: tuple[int, int], seed: tf.Tensor) -> Map:
    """A piece of `size` anywhere in frames of `shape`; smaller frames are enlarged to cover it."""
    scale, free = _covering(shape, size, tf.ones([2]))
    place = tf.random.stateless_uniform([2], seed, alg="philox")
    return Map(scale, _half_pixels(scale) + tf.floor(place * (free + 1)) * scale)


def random_map(
    shape: tf.Tensor,
    size: tuple[int, int],
    settings: FlowAugmentation,
    strength: tf.Tensor | float,
    seed: tf.Tensor,
) -> Map:
    """A map that scales, stretches, flips and crops to `size`. `strength` multiplies the octaves, not the flips."""
    draw = tf.random.stateless_uniform([8], seed, alg="philox")
    octaves = settings.min_scale + draw[0] * (settings.max_scale - settings.min_scale)
    apart = tf.where(draw[1] < settings.stretch, settings.max_stretch, 0.0) * (2 * draw[2:4] - 1)
    octaves = tf.where(draw[4] < settings.resize, octaves + apart, 0.0) * strength
    scale, free = _covering(shape, size, 2.0**octaves)
    margin = float(settings.crop_margin)
    place = tf.random.stateless_uniform([2], fold_in(seed, 1), alg="philox")
    place = tf.floor(place * (free + 2 * margin + 1)) - margin
    shift = _half_pixels(scale) + tf.clip_by_value(place, 0.0, free) * scale
    flips = draw[5:7] < (settings.flip_horizontal, settings.flip_vertical)
    far = scale * (tf.constant([size[1], size[0]], tf.float32) - 1)  # from one end to the other
    return Map(tf.where(flips, -scale, scale), tf.where(flips, shift + far, shift))


def _covering(
    shape: tf.Tensor, size: tuple[int, int], grow: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The map's scale for frames that grow by `grow` [2], or by more if `size` needs it, and the pixels left over."""
    sides = tf.cast(tf.stack([shape[1], shape[0]]), tf.float32)
    wanted = tf.constant([size[1], size[0]], tf.float32)
    # Rounded to whole pixels, as a resized picture is, so that both its ends stay where they were.
    grown = tf.maximum(tf.round(sides * grow), wanted)
    return sides / grown, grown - wanted


def _half_pixels(scale: tf.Tensor) -> tf.Tensor:
    """Areas of pixels are scaled, not their centres: the first pixel's centre moves."""
    return 0.5 * scale - 0.5


def apply_map(
    frames: tf.Tensor, truth: tf.Tensor, where: Map, size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """The pair as the map shows it, bilinear: [2, *size, C] and [*size, 4].

    Unknown flow takes no part in interpolation; a pixel is valid if at least half of its interpolation weight is on
    valid pixels. Beyond the border the border's pixels repeat. A pixel that leaves the result's frame counts as
    occluded.
    """
    flow, valid, occluded = truth[..., :2], truth[..., 2:3], truth[..., 3:4]
    flow = tf.where(valid > 0, flow, 0.0) * valid
    frames = _fetch(frames, where, size)
    flow, share, occluded = tf.split(
        _fetch(tf.concat([flow, valid, occluded], -1)[None], where, size)[0], [2, 1, 1], -1
    )
    flow = tf.math.divide_no_nan(flow, share) / where.scale
    seen = tf.cast((occluded < 0.5) & is_inside(flow)[..., None], tf.float32)
    valid = tf.cast(share >= 0.5, tf.float32)
    return frames, tf.concat([flow * valid, valid, 1.0 - seen], axis=-1)


def _fetch(pictures: tf.Tensor, where: Map, size: tuple[int, int]) -> tf.Tensor:
    scale, shift = where
    zero = tf.zeros([])
    row = tf.stack([scale[0], zero, shift[0], zero, scale[1], shift[1], zero, zero])
    fetched = tf.raw_ops.ImageProjectiveTransformV3(
        images=pictures,
        transforms=row[None],
        output_shape=tf.constant(size),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return tf.ensure_shape(fetched, [None, *size, pictures.shape[-1]])


def is_inside(flow: tf.Tensor) -> tf.Tensor:
    """bool [H, W]: whether each pixel of a flow [H, W, 2] ends within the frame."""
    ends, sides = _ends(flow)
    return tf.reduce_all((ends >= -0.5) & (ends <= sides - 0.5), axis=-1)


def _ends(flow: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where pixels end, [H, W, 2], and (W, H) as float32."""
    height, width = tf.shape(flow)[0], tf.shape(flow)[1]
    x, y = tf.meshgrid(tf.range(width), tf.range(height))
    sides = tf.cast(tf.stack([width, height]), tf.float32)
    return tf.cast(tf.stack([x, y], axis=-1), tf.float32) + flow, sides


def reverse(frames: tf.Tensor, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The pair from the second frame to the first (paper, App. H).

    The flow of a pixel is the mean of all flows that end there, negated; where none ends it is unknown, and so not
    valid. Each flow ends at the nearest pixel.
    """
    flow, valid = truth[..., :2], truth[..., 2] > 0
    height, width = tf.shape(flow)[0], tf.shape(flow)[1]
    ends = tf.cast(tf.floor(_ends(tf.where(valid[..., None], flow, 0.0))[0] + 0.5), tf.int32)
    inside = tf.reduce_all((ends >= 0) & (ends < tf.stack([width, height])), axis=-1) & valid
    # The last place stands for nowhere.
    place = tf.where(inside, ends[..., 1] * width + ends[..., 0], height * width)
    rows = tf.concat([-flow, tf.ones_like(flow[..., :1])], axis=-1)
    sums = tf.math.unsorted_segment_sum(
        tf.reshape(tf.where(inside[..., None], rows, 0.0), [-1, 3]),
        tf.reshape(place, [-1]),
        height * width + 1,
    )
    sums = tf.reshape(sums[:-1], [height, width, 3])
    flow = tf.math.divide_no_nan(sums[..., :2], sums[..., 2:])
    valid = tf.cast(sums[..., 2:] > 0, tf.float32)
    return frames[::-1], tf.concat([flow, valid, tf.zeros_like(valid)], axis=-1)


# === Colours ===


def random_colours(
    frames: tf.Tensor, settings: FlowAugmentation, strength: tf.Tensor | float, seed: tf.Tensor
) -> tf.Tensor:
    """Changes brightness, contrast, saturation, then hue of frames [2, H, W, C] in [0, 1], mostly alike for both.

    RAFT also draws the order at random. Grey frames have neither saturation nor hue.
    """
    limits = [settings.brightness, settings.contrast, settings.saturation, settings.hue]
    draw = tf.random.stateless_uniform([2, 4], seed, -1.0, 1.0, alg="philox")
    apart = tf.random.stateless_uniform([], fold_in(seed, 1), alg="philox")
    draw = tf.where(apart < settings.apart * strength, draw, draw[:1])
    draw = (draw * limits * strength)[:, :, None, None, None]
    bright, contrast, saturation = (1.0 + draw[:, i] for i in range(3))

    if settings.brightness:
        frames = tf.clip_by_value(frames * bright, 0.0, 1.0)
    if settings.contrast:
        middle = tf.reduce_mean(grey(frames), axis=[1, 2, 3], keepdims=True)
        frames = tf.clip_by_value(middle + (frames - middle) * contrast, 0.0, 1.0)
    if settings.saturation and frames.shape[-1] == 3:
        level = grey(frames)
        frames = tf.clip_by_value(level + (frames - level) * saturation, 0.0, 1.0)
    if settings.hue and frames.shape[-1] == 3:
        turned = [tf.image.adjust_hue(frames[i], draw[i, 3, 0, 0, 0]) for i in range(2)]
        frames = tf.clip_by_value(tf.stack(turned), 0.0, 1.0)
    return frames


def grey(frames: tf.Tensor) -> tf.Tensor:
    """[..., C] -> [..., 1]: the luma of colours; grey stays as it is."""
    if frames.shape[-1] != 3:
        return frames
    return tf.reduce_sum(frames * LUMA, axis=-1, keepdims=True)


def random_eraser(
    frames: tf.Tensor, settings: FlowAugmentation, strength: tf.Tensor | float, seed: tf.Tensor
) -> tf.Tensor:
    """Fills boxes of the second frame with its mean colour: from one to `eraser_boxes`, if any at all."""
    height, width = tf.shape(frames)[1], tf.shape(frames)[2]
    draw = tf.random.stateless_uniform([2], seed, alg="philox")
    boxes = 1 + tf.cast(draw[1] * settings.eraser_boxes, tf.int32)
    boxes = tf.where(draw[0] < settings.eraser * strength, boxes, 0)
    least, most = settings.eraser_size
    number = [settings.eraser_boxes, 2]
    sizes = tf.random.stateless_uniform(
        number, fold_in(seed, 1), least, most + 1, tf.int32, "philox"
    )
    place = tf.random.stateless_uniform(number, fold_in(seed, 2), alg="philox")
    first = tf.cast(place * tf.cast(tf.stack([height, width]), tf.float32), tf.int32)
    rows, columns = tf.range(height)[:, None], tf.range(width)[None]
    erased = tf.zeros([height, width], tf.bool)
    for i in range(settings.eraser_boxes):
        (top, left), (high, wide) = tf.unstack(first[i]), tf.unstack(sizes[i])
        box = (rows >= top) & (rows < top + high) & (columns >= left) & (columns < left + wide)
        erased |= box & (i < boxes)
    mean = tf.reduce_mean(frames[1], axis=[0, 1])
    return tf.stack([frames[0], tf.where(erased[..., None], mean, frames[1])])


# === All of it ===


def augment(
    frames: tf.Tensor,
    truth: tf.Tensor,
    size: tuple[int, int],
    settings: FlowAugmentation,
    strength: tf.Tensor | float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """From a pair of any size to an augmented one of `size`.

    Args:
      frames: [2, H, W, C] in [0, 1].
      truth: [H, W, 4].
      settings: At full strength.
      strength: From 0 to 1; at 0 only flips and the crop's place are random.
      seed: int32 [2].
    """
    where = random_map(tf.shape(truth)[:2], size, settings, strength, fold_in(seed, 10))
    frames, truth = apply_map(frames, truth, where, size)
    # What is switched off must cost nothing: for small frames the overhead is all there is.
    if settings.brightness or settings.contrast or settings.saturation or settings.hue:
        frames = random_colours(frames, settings, strength, fold_in(seed, 11))
    if settings.eraser:
        frames = random_eraser(frames, settings, strength, fold_in(seed, 12))
    return frames, truth
