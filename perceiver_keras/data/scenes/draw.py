"""Pairs of frames with exact optical flow, rendered from photographs in the manner of AutoFlow.

A scene is a background with polygons (some with holes) in front of it. Each layer is a piece of a photograph with a
motion of its own: affine, plus smooth waves. A frame is computed at each point and time, never warped from another
frame: frame 1 is time 0, frame 2 is time 1. So the flow is the motion's own formula, and occlusion is determined by the
polygons, not by comparing pixels. Motion blur and fog follow, and a change of light and noise for each frame.

AutoFlow (Sun et al., 2021, arXiv 2104.14544) has these parts; the ranges are in `config.py`. Scenes are drawn here and
rendered in `render.py`. B scenes, L layers (0 is the background), V corners, H rows, W columns. Points are (x, y) in
pixels, x first; (0, 0) is the centre of the upper left pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.scenes.config import Range, SceneConfig
from perceiver_keras.data.scenes.render import ATLAS, Atlas, make_atlas, renderer, round_frames
from perceiver_keras.data.untuned import threads, untuned
from perceiver_keras.errors import UsageError

BLOCK = 64  # scenes drawn from one seed, whatever the batch size


def render_pairs(
    photographs: Sequence[np.ndarray],
    config: SceneConfig,
    size: tuple[int, int],
    seed: int,
    *,
    batch: int = 64,
    num_parallel_calls: int | None = None,
) -> tf.data.Dataset:
    """Endless pairs; pair i depends on (photographs, config, size, seed, i) and nothing else.

    Args:
      photographs: uint8 [rows, columns, 3] each, of any sizes.
      size: (H, W) of the frames.
      batch: Scenes rendered at once, for speed; use few for large frames.

    Returns:
      A dataset of {frame1, frame2: uint8 [H, W, 3], flow: float32 [H, W, 2] in pixels, x first,
      valid, occluded: uint8 [H, W, 1], 255 for yes}. Occluded means not visible in frame 2: hidden by another layer or
      outside the frame.
    """
    if config.steepness(min(size)) >= 0.5:  # steeper waves may fold the picture over itself
        raise UsageError(
            f"Waves of {config.wave_amplitude} pixels are too steep for frames of "
            f"{size[0]} x {size[1]}: lower wave_amplitude or waves, or raise wave_length."
        )
    for photograph in photographs:
        if photograph.ndim != 3 or photograph.shape[-1] != 3 or min(photograph.shape[:2]) < 8:
            raise UsageError(f"A photograph is {photograph.shape}; expected [rows, columns, 3].")
    if not photographs:
        raise UsageError("There are no photographs to render from.")
    atlas = make_atlas(photographs, config.picture_scale[1])
    render = renderer(config, tuple(size))

    @unconverted
    def draw(block: tf.Tensor) -> dict[str, tf.Tensor]:
        return draw_scenes(atlas, config, size, tf.stack([tf.cast(seed, tf.int64), block]))

    @unconverted
    def finish(index: tf.Tensor, pair: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return round_frames(
            pair, tf.stack([tf.cast(seed, tf.int64), index]), noise=config.noise > 0
        )

    calls = num_parallel_calls or threads()
    scenes = tf.data.Dataset.range(1 << 40).map(draw, num_parallel_calls=calls)
    scenes = scenes.unbatch().batch(batch, drop_remainder=True)
    # Traced for an atlas of any size, so once for all splits, each of which has photographs of its own.
    render.get_concrete_function(ATLAS, scenes.element_spec)
    pairs = scenes.map(lambda scene: render(atlas, scene), num_parallel_calls=calls)
    return untuned(pairs.unbatch().enumerate().map(finish, num_parallel_calls=calls))


def draw_scenes(
    atlas: Atlas, config: SceneConfig, size: tuple[int, int], seed: tf.Tensor
) -> dict[str, tf.Tensor]:
    """The numbers that define BLOCK scenes, from an int64 seed [2]."""
    dice, count, layers = _Dice(seed), BLOCK, config.foregrounds[1] + 1
    each, end = [count, layers], tf.constant([size[1] - 1, size[0] - 1], tf.float32)
    short = float(min(size))

    middle = tf.broadcast_to(end / 2, [count, 1, 2])
    centre = tf.concat([middle, dice.uniform([count, layers - 1, 2]) * end], axis=1)
    radius = dice.uniform([count, layers - 1, 1], *config.radius) * short
    hole = radius * dice.uniform([count, layers - 1, 1], *config.hole_radius)
    holed = dice.uniform([count, layers - 1, 1]) < config.hole_probability
    corners = tf.stack(
        # Without a hole, the hole's corners are all in one point.
        [_polygon(dice, config, radius), _polygon(dice, config, tf.where(holed, hole, 0.0))],
        axis=2,
    )

    # Textures: any turn, scale and mirroring, from anywhere in a photograph.
    photograph = dice.whole(each, 0, atlas.levels.shape[0] - 1)
    least, most = (math.log(end) for end in config.picture_scale)
    limit = tf.math.log(tf.gather(atlas.short, photograph) / short)
    least, most = tf.minimum(least, limit), tf.minimum(most, limit)
    scale = tf.exp(least + dice.uniform(each) * (most - least))
    level = tf.cast(tf.round(tf.math.log(scale) / math.log(2)), tf.int32)
    level = tf.clip_by_value(level, 0, tf.gather(atlas.levels, photograph) - 1)
    picture = tf.gather(atlas.first, photograph) + level
    scale /= tf.cast(2**level, tf.float32)
    angle, mirror = dice.uniform(each, 0, 2 * math.pi), tf.sign(dice.either(each, 1))
    cos, sin = scale * tf.cos(angle), scale * tf.sin(angle)

    origin = dice.uniform([*each, 2]) * tf.gather(atlas.sizes, picture)
    texture = [cos, -sin * mirror, origin[..., 0], sin, cos * mirror, origin[..., 1]]

    turn = dice.either(each, config.rotation * math.pi / 180)
    zoom = 1 + dice.either([*each, 2], config.zoom)
    far = config.translation * tf.sqrt(dice.uniform(each))  # uniform over the disc
    shift = dice.polar(far)
    motion = [
        *(centre[..., 0], centre[..., 1], shift[..., 0], shift[..., 1]),
        *(zoom[..., 0] * tf.cos(turn) - 1, -zoom[..., 1] * tf.sin(turn)),
        *(zoom[..., 0] * tf.sin(turn), zoom[..., 1] * tf.cos(turn) - 1),
    ]
    for _ in range(config.waves):
        number = dice.polar(2 * math.pi / (dice.uniform(each, *config.wave_length) * short))
        push = dice.polar(dice.uniform(each) * config.wave_amplitude)
        motion += [number[..., 0], number[..., 1], dice.uniform(each, 0, 2 * math.pi)]
        motion += [push[..., 0], push[..., 1]]
    dense = 2 * math.pi / (dice.uniform([count, 2], 2, 4) * short)

    return {
        "corners": centre[:, 1:, None, None] + corners,  # [BLOCK, L - 1, outline and hole, V, 2]
        "centre": centre[:, 1:],
        "present": tf.range(layers - 1) < dice.whole([count, 1], *config.foregrounds),
        "picture": picture,
        "texture": tf.stack(texture, axis=-1),  # render.Texture
        "motion": tf.stack(motion, axis=-1),  # render.Motion
        "exposure": _sometimes(dice, config.motion_blur_probability, config.exposure),
        "fog": _sometimes(dice, config.fog_probability, config.fog_density),
        "fog_colour": dice.uniform([count, 3], 128, 255),
        "fog_number": dice.polar(dense),
        "fog_phase": dice.uniform([count, 2], 0, 2 * math.pi),
        "light": dice.either([count, 2, 3], config.brightness) * 255,
        "contrast": 1 + dice.either([count, 2, 1], config.contrast),
        "noise": dice.uniform([count], 0, config.noise) * 255,
    }


class _Dice:
    """Stateless random numbers: the n-th draw depends on (seed, n) only."""

    def __init__(self, seed: tf.Tensor):
        self._seed, self._draws = seed, 0

    def _next(self) -> tf.Tensor:
        self._draws += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._draws, alg="philox")

    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, self._next(), low, high, alg="philox")

    def either(self, shape: Sequence[int], most: float) -> tf.Tensor:
        return self.uniform(shape, -most, most)

    def whole(self, shape: Sequence[int], least: int, most: int) -> tf.Tensor:
        """Integers least..most, both included."""
        return tf.random.stateless_uniform(
            shape, self._next(), least, most + 1, tf.int32, alg="philox"
        )

    def polar(self, length: tf.Tensor) -> tf.Tensor:
        """Vectors of that length in any direction, [..., 2]."""
        angle = self.uniform(length.shape, 0, 2 * math.pi)
        return tf.stack([length * tf.cos(angle), length * tf.sin(angle)], axis=-1)


def _sometimes(dice: _Dice, probability: float, values: Range) -> tf.Tensor:
    """[BLOCK]: a number from `values` with that probability, else 0."""
    return tf.where(dice.uniform([BLOCK]) < probability, dice.uniform([BLOCK], *values), 0.0)


def _polygon(dice: _Dice, config: SceneConfig, radius: tf.Tensor) -> tf.Tensor:
    """Corners around (0, 0) at increasing angles, so that no edges cross: [BLOCK, L - 1, V, 2].

    A polygon with fewer than V corners repeats its last one. Each corner stays within a fifth of a step of its evenly
    spaced angle: more could leave 180 degrees between two corners of a triangle, and the centre outside it.
    """
    shape = [*radius.shape[:2], config.corners[1]]
    corners = tf.cast(dice.whole([*shape[:2], 1], *config.corners), tf.float32)
    number = tf.minimum(tf.range(shape[2], dtype=tf.float32), corners - 1)
    last = tf.cast(number, tf.int32)
    place = number + tf.gather(dice.either(shape, 0.2), last, batch_dims=2)
    away = radius * tf.gather(dice.uniform(shape, config.roundness, 1), last, batch_dims=2)
    angle = 2 * math.pi * (place / corners + dice.uniform([*shape[:2], 1]))
    return tf.stack([away * tf.cos(angle), away * tf.sin(angle)], axis=-1)
