"""From the numbers of `draw.py` to frames, flow and occlusion, whole batches at once.

TensorFlow ops only, so that it runs in tf.data. B scenes, L layers (0 is the background), V corners, H rows, W columns;
points are (x, y) in pixels, x first.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from perceiver_keras.data.scenes.config import SceneConfig

Numbers = dict[str, tf.Tensor]  # of a batch of scenes, as `draw.draw_scenes` names them
Point = tuple[tf.Tensor, tf.Tensor]  # x and y, each [B, L, H, W] or [1, 1, H, W]

_FAR = 1e6  # pixels
_LEFT = 1e-3  # pixels by which `_undo` may be off


# === Photographs as textures ===


class Atlas(NamedTuple):
    """Photographs, each at full size, half size, quarter size …, one after the other in one table."""

    first: tf.Tensor  # int32 [photographs]: the row of each at full size in `sizes`
    levels: tf.Tensor  # int32 [photographs]: how many sizes it has
    short: tf.Tensor  # float32 [photographs]: its short side at full size, in pixels
    sizes: tf.Tensor  # float32 [pictures, 2]: columns, rows
    offsets: tf.Tensor  # int32 [pictures]: the first pixel of each in `pixels`
    pixels: tf.Tensor  # int32 [all]: red, green and blue in 8 bits each, found in one lookup


ATLAS = Atlas(  # of any photographs
    first=tf.TensorSpec([None], tf.int32),
    levels=tf.TensorSpec([None], tf.int32),
    short=tf.TensorSpec([None], tf.float32),
    sizes=tf.TensorSpec([None, 2], tf.float32),
    offsets=tf.TensorSpec([None], tf.int32),
    pixels=tf.TensorSpec([None], tf.int32),
)


def make_atlas(photographs: Sequence[np.ndarray], most_scale: float) -> Atlas:
    """Makes the table of uint8 [rows, columns, 3] photographs, down to 1 / most_scale."""
    pictures, levels = [], []
    for photograph in photographs:
        picture = np.asarray(photograph, np.float32)
        levels.append(0)
        while not levels[-1] or (
            levels[-1] <= math.log2(most_scale) and min(picture.shape[:2]) > 3
        ):
            picture = _halve(picture) if levels[-1] else picture
            pictures.append(picture)
            levels[-1] += 1
    counts = [picture.shape[0] * picture.shape[1] for picture in pictures]
    pixels = np.concatenate([np.rint(picture).reshape(-1, 3) for picture in pictures])
    return Atlas(
        first=tf.constant(np.cumsum([0, *levels[:-1]]), tf.int32),
        levels=tf.constant(levels, tf.int32),
        short=tf.constant([min(photograph.shape[:2]) for photograph in photographs], tf.float32),
        sizes=tf.constant([picture.shape[1::-1] for picture in pictures], tf.float32),
        offsets=tf.constant(np.cumsum([0, *counts[:-1]]), tf.int32),
        pixels=tf.constant(pixels @ [1, 1 << 8, 1 << 16], tf.int32),
    )


def _halve(picture: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    return picture[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2, 3).mean((1, 3))


def sample(atlas: Atlas, picture: tf.Tensor, point: Point) -> list[tf.Tensor]:
    """Bilinear: red, green and blue, float32 [B, L, H, W]; beyond its border a picture continues mirrored.

    Args:
      picture: int32 [B, L], a row of the atlas's `sizes`.
      point: In that picture's pixels.
    """
    low, part = [], []
    ends = tf.unstack(_wide(tf.gather(atlas.sizes - 1, picture)), axis=2)
    for place, end in zip(point, ends, strict=True):
        turns = place / (2 * end)
        place = 2 * end * tf.abs(turns - tf.round(turns))
        low.append(tf.minimum(tf.floor(place), end - 1))
        part.append(place - low[-1])
    columns = ends[0] + 1
    # Indices within one picture stay below 2^24, so float32 holds them exactly.
    index = tf.cast(low[1] * columns + low[0], tf.int32)
    index += _wide(tf.gather(atlas.offsets, picture))
    across = tf.cast(columns, tf.int32)

    corners = [tf.gather(atlas.pixels, index + step) for step in (0, 1, across, across + 1)]
    channels = []
    for shift in (0, 8, 16):
        a, b, c, d = (
            tf.cast(tf.bitwise.bitwise_and(tf.bitwise.right_shift(corner, shift), 255), tf.float32)
            for corner in corners
        )
        upper, lower = a + part[0] * (b - a), c + part[0] * (d - c)
        channels.append(upper + part[1] * (lower - upper))
    return channels


# === Frames, flow, occlusion ===


def renderer(config: SceneConfig, size: tuple[int, int]) -> Callable[[Atlas, Numbers], Numbers]:
    """The function (atlas, numbers of B scenes) -> pairs, traced once however often it is used.

    The pairs are as `draw.render_pairs` describes them, except that frames are float32 and without their noise, whose
    level is in `noise`, [B].
    """
    moments = config.blur_samples if config.motion_blur_probability else 1
    return _renderer(config.edge, moments, _turns(config, min(size)), size)


@functools.lru_cache(maxsize=8)
def _renderer(
    edge: float, moments: int, turns: int, size: tuple[int, int]
) -> Callable[[Atlas, Numbers], Numbers]:
    """`renderer` for those parts of a configuration that are not drawn for each scene."""

    @tf.function(autograph=False)
    def render(atlas: Atlas, scene: Numbers) -> Numbers:
        x, y = tf.meshgrid(tf.range(size[1], dtype=tf.float32), tf.range(size[0], dtype=tf.float32))
        pixels = (x[None, None], y[None, None])
        scene = scene | _edges(scene["corners"] - scene["centre"][:, :, None, None])
        undo = functools.partial(_undo, turns=turns)
        frames = {
            f"frame{index + 1}": _finish(
                scene, pixels, index, _exposed(atlas, edge, moments, scene, undo, pixels, index)
            )
            for index in (0, 1)
        }
        flow, occluded = _flow(scene, undo, pixels, size)
        return frames | {
            "flow": flow,
            "valid": tf.fill(tf.shape(occluded), tf.constant(255, tf.uint8)),
            "occluded": tf.cast(occluded, tf.uint8) * 255,
            "noise": scene["noise"],
        }

    return render


def round_frames(pair: Numbers, seed: tf.Tensor, noise: bool) -> Numbers:
    """One of the renderer's pairs with noise added to its frames, rounded to uint8."""
    level = pair["noise"]
    pair = {name: value for name, value in pair.items() if name != "noise"}
    for index, name in enumerate(("frame1", "frame2")):
        frame = pair[name]
        if noise:
            one = tf.random.experimental.stateless_fold_in(seed, index, alg="philox")
            frame += level * tf.random.stateless_normal(frame.shape, one, alg="philox")
        pair[name] = tf.cast(tf.round(tf.clip_by_value(frame, 0, 255)), tf.uint8)
    return pair


def _flow(
    scene: Numbers, undo: Callable[..., Point], pixels: Point, size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """float32 [B, H, W, 2], and whether the point is out of sight in frame 2, bool [B, H, W, 1]."""
    inside, moves = _depth(scene, pixels) >= 0, _moves(_motion(scene["motion"]), pixels)
    # The layer seen in frame 1, where it goes, and whether another is in front of it there.
    flow = [axis[:, 0] for axis in moves]
    top = tf.zeros(tf.shape(flow[0]), tf.int32)
    layers = range(1, moves[0].shape[1])
    for layer in layers:
        here = inside[:, layer - 1]
        flow = [tf.where(here, moves[axis][:, layer], flow[axis]) for axis in (0, 1)]
        top = tf.where(here, layer, top)
    goal = tuple(pixels[axis] + flow[axis][:, None] for axis in (0, 1))
    front = _motion(scene["motion"][:, 1:])
    hiding = _depth(scene, undo(front, goal, 1.0)) >= 0
    occluded = tf.reduce_any([hiding[:, layer - 1] & (top < layer) for layer in layers], axis=0)
    for axis, end in ((0, size[1] - 1), (1, size[0] - 1)):
        occluded |= (goal[axis][:, 0] < 0) | (goal[axis][:, 0] > end)
    return tf.stack(flow, axis=-1), occluded[..., None]


# === Motion ===


class Motion(NamedTuple):
    """p -> p + [[a, b], [c, d]] (p - centre) + shift + waves; [B, L, 1, 1] each."""

    centre: Point
    shift: Point
    a: tf.Tensor
    b: tf.Tensor
    c: tf.Tensor
    d: tf.Tensor
    waves: list[tf.Tensor]  # five per wave: wave vector x, y; phase; push x, y


def _motion(numbers: tf.Tensor) -> Motion:
    """From [B, L, 8 + 5 waves], in the order of Motion."""
    x, y, right, down, a, b, c, d, *waves = tf.unstack(_wide(numbers), axis=2)
    return Motion((x, y), (right, down), a, b, c, d, waves)


def _moves(motion: Motion, point: Point) -> Point:
    """How far each layer's points go from frame 1 to frame 2, [B, L, H, W] each."""
    waves, (x, y) = _waves(motion, point), (point[k] - motion.centre[k] for k in (0, 1))
    return (
        motion.a * x + motion.b * y + motion.shift[0] + waves[0],
        motion.c * x + motion.d * y + motion.shift[1] + waves[1],
    )


def _waves(motion: Motion, point: Point) -> tuple[tf.Tensor | float, tf.Tensor | float]:
    """The non-rigid part of the motion."""
    x, y = 0.0, 0.0
    for start in range(0, len(motion.waves), 5):
        across, down, phase, push_x, push_y = motion.waves[start : start + 5]
        swing = tf.sin(across * point[0] + down * point[1] + phase)
        x, y = x + push_x * swing, y + push_y * swing
    return x, y


def _turns(config: SceneConfig, short: int) -> int:
    """How many times `_undo` must repeat to be off by less than `_LEFT` pixels."""
    height = config.waves * config.wave_amplitude
    if height <= _LEFT:
        return 0
    # The first guess is off by the waves' height, and each turn leaves this share of the error; zoom
    # and rotation may make it a little larger.
    share = min(0.9, 1.25 * config.steepness(short))
    return math.ceil(math.log(_LEFT / height) / math.log(share))


def _undo(motion: Motion, point: Point, time: float | tf.Tensor, turns: int) -> Point:
    """Where each layer's point at `time` was at time 0; points move in straight lines at constant speed.

    The affine part is inverted in closed form. The waves depend on the very point that is sought, so the equation is
    solved repeatedly, each time with the waves at the last solution.

    Args:
      time: 0 is frame 1, 1 frame 2; a number or [B, 1, 1, 1].
    """
    a, b, c, d = 1 + time * motion.a, time * motion.b, time * motion.c, 1 + time * motion.d
    scale = 1 / (a * d - b * c)
    a, b, c, d = a * scale, b * scale, c * scale, d * scale
    start = [point[k] - (motion.centre[k] + time * motion.shift[k]) for k in (0, 1)]

    def affine(x: tf.Tensor, y: tf.Tensor) -> Point:
        return (motion.centre[0] + d * x - b * y, motion.centre[1] + a * y - c * x)

    found = affine(*start)
    for _ in range(turns):
        waves = _waves(motion, found)
        found = affine(*(start[axis] - time * waves[axis] for axis in (0, 1)))
    return found


# === Shapes ===


def _edges(corners: tf.Tensor) -> Numbers:
    """What `_depth` needs to know of polygons, from corners about a centre, [B, L - 1, 2, V, 2].

    `direction` [B, L - 1, 2, V]: the direction of each corner from the centre, ascending. `line`
    [B, L - 1, 2, V + 1, 3]: (a, b, c), where a x + b y + c is the distance from the edge that begins at the corner,
    positive on the centre's side; the last edge is repeated at the front.
    """
    direction = _direction(corners[..., 0], corners[..., 1])
    order = tf.argsort(direction, axis=-1, stable=True)
    direction = tf.gather(direction, order, batch_dims=3)
    begin = tf.gather(corners, order, batch_dims=3)
    end = tf.roll(begin, -1, axis=3)
    edge = end - begin
    length = tf.norm(edge, axis=-1)
    cross = begin[..., 0] * end[..., 1] - begin[..., 1] * end[..., 0]
    line = tf.stack([-edge[..., 1], edge[..., 0], cross], axis=-1)
    line /= tf.maximum(length, 1e-6)[..., None]
    # Nothing is on the inner side of an edge without length.
    line = tf.where(length[..., None] < 1e-3, [0.0, 0.0, -_FAR], line)
    return {"direction": direction, "line": tf.concat([line[..., -1:, :], line], axis=3)}


def _direction(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Increases with the angle of (x, y), from 0 to 4 in a full turn; cheaper than the angle itself."""
    part = y / (tf.abs(x) + tf.abs(y) + 1e-9)
    return tf.where(x < 0, 2 - part, tf.where(y < 0, 4 + part, part))


def _depth(scene: Numbers, point: Point) -> tf.Tensor:
    """Pixels from a foreground's edge, [B, L - 1, H, W]; negative outside it and in its hole.

    Seen from the centre, a point lies between the directions of two corners, and only the edge between them counts. The
    distance is to the line through that edge.

    Args:
      point: Where it was in frame 1, for all L layers or for the foregrounds only.
    """
    count = scene["present"].shape[1]
    x, y = (
        (axis[:, 1:] if axis.shape[1] > count else axis) - _wide(scene["centre"][..., k])
        for k, axis in enumerate(point)
    )
    shape = tf.shape(x)
    x, y = (tf.reshape(axis, [shape[0] * count, -1]) for axis in (x, y))
    direction = _direction(x, y)

    def inside(shape_index: int) -> tf.Tensor:
        begins = scene["direction"][:, :, shape_index]
        begins = tf.reshape(begins, [-1, begins.shape[-1]])
        line = tf.reshape(scene["line"][:, :, shape_index], [-1, begins.shape[-1] + 1, 3])
        sector = tf.searchsorted(begins, direction, side="right")
        a, b, c = tf.unstack(tf.gather(line, sector, batch_dims=1), axis=-1)
        return a * x + b * y + c

    depth = tf.reshape(tf.minimum(inside(0), -inside(1)), shape)
    return tf.where(_wide(scene["present"]), depth, -_FAR)


# === The camera ===


def _exposed(
    atlas: Atlas,
    edge: float,
    moments: int,
    scene: Numbers,
    undo: Callable[..., Point],
    pixels: Point,
    index: int,
) -> tf.Tensor:
    """Frame 1 (index 0) or frame 2 (index 1), float32 [B, H, W, 3]: the mean over the moments of an exposure."""
    motion = _motion(scene["motion"])
    if moments == 1:
        point = undo(motion, pixels, 1.0) if index else pixels
        return _moment(atlas, edge, scene, point)
    total = 0.0
    for moment in range(moments):
        offset = (moment + 0.5) / moments - 0.5
        time = index + offset * scene["exposure"][:, None, None, None]
        total += _moment(atlas, edge, scene, undo(motion, pixels, time))
    return total / moments


def _moment(atlas: Atlas, edge: float, scene: Numbers, point: Point) -> tf.Tensor:
    """The layers on top of one another, float32 [B, H, W, 3].

    Args:
      point: For each layer and pixel, where the point that the pixel shows was at time 0.
    """
    a, b, right, c, d, down = tf.unstack(_wide(scene["texture"]), axis=2)
    x, y = point
    texture = (a * x + b * y + right, c * x + d * y + down)
    colours = sample(atlas, scene["picture"], texture)
    depth = _depth(scene, point)
    cover = tf.clip_by_value(depth / edge + 0.5, 0, 1) if edge else depth >= 0
    shares = tf.unstack(tf.cast(cover, tf.float32), axis=1)
    channels = []
    for channel in colours:
        seen, *layers = tf.unstack(channel, axis=1)
        for colour, share in zip(layers, shares, strict=True):
            seen += share * (colour - seen)
        channels.append(seen)
    return tf.stack(channels, axis=-1)


def _finish(scene: Numbers, pixels: Point, index: int, frame: tf.Tensor) -> tf.Tensor:
    """Fog, which is the same in both frames, and a frame's own light and contrast."""
    thickness = 1.0
    for wave in (0, 1):
        number = scene["fog_number"][:, wave, :, None, None]
        angle = number[:, 0] * pixels[0][0] + number[:, 1] * pixels[1][0]
        thickness *= 0.5 + 0.5 * tf.sin(angle + scene["fog_phase"][:, wave, None, None])
    share = (scene["fog"][:, None, None] * thickness)[..., None]
    frame += share * (scene["fog_colour"][:, None, None] - frame)
    light, contrast = (scene[name][:, index, None, None] for name in ("light", "contrast"))
    return (frame - 127.5) * contrast + 127.5 + light


def _wide(values: tf.Tensor) -> tf.Tensor:
    """[B, L, ...] to [B, L, ..., 1, 1]."""
    return values[..., None, None]
