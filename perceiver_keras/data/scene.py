"""Pairs of frames with exact optical flow, rendered from photographs in the manner of AutoFlow.

A scene is a background and polygons (with holes) in front of it. Each layer is a piece of a
photograph with a motion of its own, affine and, on top, smooth waves. Frames are functions of a
continuous point and a time, never warped frames: frame 1 is time 0, frame 2 time 1. So the flow is
the motion's formula, and occlusion a question put to the polygons, not a comparison of pixels.
After these come motion blur, fog, and a change of light and noise for each frame.

AutoFlow (Sun et al., 2021, arXiv 2104.14544) has these parts; its ranges are in no text that was
at hand, so every range here is ours. B scenes, L layers (0 is the background), H rows, W columns.
Points are (x, y) in pixels, x first; (0, 0) is the centre of the upper left pixel.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from perceiver_keras.errors import UsageError

Range = tuple[float, float]
BLOCK = 64  # scenes drawn from one seed, whatever the batch
Point = tuple[tf.Tensor, tf.Tensor]  # x and y, each [B, L, H, W]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SceneConfig:
    """The ranges that a scene is drawn from, uniformly. All values are ours, for tiny frames."""

    # Layers
    foregrounds: tuple[int, int] = (1, 2)  # least and most
    corners: tuple[int, int] = (3, 8)  # of a polygon
    radius: Range = (0.25, 0.6)  # of a polygon's farthest corners, shares of the short side
    roundness: float = 0.5  # distance of the nearest corner from the centre, a share of the radius
    hole_probability: float = 0.2
    hole_radius: Range = (0.2, 0.5)  # shares of the polygon's radius
    edge: float = 1.0  # pixels over which a polygon's edge fades; 0 cuts it hard

    # Textures
    picture_levels: int = 3  # a photograph is used at full size, halved, quartered …
    picture_scale: Range = (0.7, 1.4)  # pixels of that picture per pixel of the frame

    # Motion from frame 1 to frame 2
    translation: float = 1.6  # pixels, the radius of the disc
    rotation: float = 1.5  # degrees either way, about the layer's centre
    zoom: float = 0.02  # share of the size either way, along two axes apart
    waves: int = 2  # of the non-rigid part; 0 for none
    wave_amplitude: float = 0.15  # pixels, of each wave at most
    wave_length: Range = (0.8, 1.6)  # shares of the short side

    # The camera
    motion_blur_probability: float = 0.0
    exposure: Range = (0.2, 0.6)  # share of the time between the frames
    blur_samples: int = 5  # moments that make up an exposure
    fog_probability: float = 0.0
    fog_density: Range = (0.1, 0.5)  # share of the fog's colour where it is thickest
    brightness: float = 0.0  # of 255, added to a frame, either way
    contrast: float = 0.0  # the factor about mid-grey is 1 ± this
    noise: float = 0.0  # of 255, standard deviation at most

    def __post_init__(self) -> None:
        if not 1 <= self.foregrounds[0] <= self.foregrounds[1]:
            raise UsageError(f"foregrounds is {self.foregrounds}; expected 1 <= least <= most.")
        if not 3 <= self.corners[0] <= self.corners[1]:
            raise UsageError(f"corners is {self.corners}; expected 3 <= least <= most.")
        for name in ("picture_levels", "blur_samples"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; expected 1 or more.")
        if self.zoom >= 0.5 or self.rotation > 45:
            raise UsageError("zoom must be below 0.5 and rotation at most 45 degrees.")

    def steepness(self, short: int) -> float:
        """The most by which the waves change over one pixel; under 0.5 they can be undone."""
        return 2 * math.pi * self.waves * self.wave_amplitude / (self.wave_length[0] * short)


def render_pairs(
    photographs: Sequence[np.ndarray],
    config: SceneConfig,
    size: tuple[int, int],
    seed: int,
    *,
    batch: int = 64,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Endless pairs; the i-th depends on (photographs, config, size, seed, i) and nothing else.

    Args:
      photographs: uint8 [rows, columns, 3] each, of any sizes.
      size: (H, W) of the frames.
      batch: Scenes rendered at once, for speed.

    Returns:
      A dataset of {frame1, frame2: uint8 [H, W, 3], flow: float32 [H, W, 2] in pixels, x first,
      valid, occluded: uint8 [H, W, 1], 255 for yes}. Occluded: not visible in frame 2, whether
      hidden by another layer or out of the frame.
    """
    if config.steepness(min(size)) >= 0.5:
        raise UsageError(
            f"Waves of {config.wave_amplitude} pixels are too steep for frames of "
            f"{size[0]} x {size[1]}: lower wave_amplitude or waves, or raise wave_length."
        )
    atlas = Atlas(photographs, config.picture_levels)

    def draw(block: tf.Tensor) -> dict[str, tf.Tensor]:
        return draw_scenes(atlas, config, size, tf.stack([tf.cast(seed, tf.int64), block]))

    @tf.function(autograph=False)
    def render(scene: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return render_scenes(atlas, config, size, scene)

    def finish(index: tf.Tensor, pair: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return add_noise(pair, tf.stack([tf.cast(seed, tf.int64), index]))

    scenes = tf.data.Dataset.range(1 << 40).map(draw, num_parallel_calls=num_parallel_calls)
    scenes = scenes.unbatch().batch(batch, drop_remainder=True)
    pairs = scenes.map(render, num_parallel_calls=num_parallel_calls).unbatch().enumerate()
    return pairs.map(finish, num_parallel_calls=num_parallel_calls)


# === Photographs as textures ===


class Atlas:
    """Photographs at several sizes, one after the other in one table of pixels.

    `sizes` float32 [N, 2] are (columns, rows), `offsets` int32 [N] the first pixel of each, and
    `pixels` uint8 [all, 6]: each with its neighbour to the right, so that one look finds both.
    """

    def __init__(self, photographs: Sequence[np.ndarray], levels: int):
        pictures = []
        for photograph in photographs:
            if photograph.ndim != 3 or photograph.shape[-1] != 3 or min(photograph.shape[:2]) < 2:
                raise UsageError(
                    f"A photograph is {photograph.shape}; expected [rows, columns, 3]."
                )
            picture = np.asarray(photograph, np.float32)
            for _ in range(levels):
                pictures.append(picture)
                if min(picture.shape[:2]) < 64:
                    break
                picture = _halve(picture)
        if not pictures:
            raise UsageError("No photographs to render from.")
        counts = [picture.shape[0] * picture.shape[1] for picture in pictures]
        self.offsets = np.cumsum([0, *counts[:-1]]).astype(np.int32)
        self.sizes = np.asarray([picture.shape[1::-1] for picture in pictures], np.float32)
        pixels = np.concatenate([np.rint(picture).reshape(-1, 3) for picture in pictures])
        self.pixels = np.concatenate([pixels, np.roll(pixels, -1, 0)], 1).astype(np.uint8)

    def sample(self, picture: tf.Tensor, point: Point) -> tf.Tensor:
        """Bilinear, float32 [B, L, H, W, 3]; beyond its border a picture goes on mirrored.

        Args:
          picture: int32 [B, L], a row of `sizes`.
          point: In that picture's pixels.
        """
        span = tf.gather(tf.constant(self.sizes - 1), picture)[:, :, None, None]
        first = tf.gather(tf.constant(self.offsets), picture)[:, :, None, None]
        low, part = [], []
        for axis in (0, 1):
            end = span[..., axis]
            place = tf.abs(tf.math.floormod(point[axis] + end, 2 * end) - end)
            low.append(tf.minimum(tf.floor(place), end - 1))
            part.append((place - low[axis])[..., None])
        columns = tf.cast(span[..., 0], tf.int32) + 1
        above = first + tf.cast(low[1], tf.int32) * columns + tf.cast(low[0], tf.int32)
        table, (right, down) = tf.constant(self.pixels), part
        upper = tf.cast(tf.gather(table, above), tf.float32)
        lower = tf.cast(tf.gather(table, above + columns), tf.float32)
        pair = upper + down * (lower - upper)
        return pair[..., :3] + right * (pair[..., 3:] - pair[..., :3])


def _halve(picture: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    return picture[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2, 3).mean((1, 3))


# === Drawing a scene ===


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


def draw_scenes(
    atlas: Atlas, config: SceneConfig, size: tuple[int, int], seed: tf.Tensor
) -> dict[str, tf.Tensor]:
    """The numbers that make BLOCK scenes, from an int64 seed [2]. V is the most corners."""
    dice, count, layers = _Dice(seed), BLOCK, config.foregrounds[1] + 1
    each, end = [count, layers], tf.constant([size[1] - 1, size[0] - 1], tf.float32)
    short = float(min(size))

    # Polygons: corners at growing angles about a centre, so that no two edges cross.
    middle = tf.broadcast_to(end / 2, [count, 1, 2])
    centre = tf.concat([middle, dice.uniform([count, layers - 1, 2]) * end], axis=1)
    radius = dice.uniform([count, layers - 1, 1], *config.radius) * short
    hole = radius * dice.uniform([count, layers - 1, 1], *config.hole_radius)
    holed = dice.uniform([count, layers - 1, 1]) < config.hole_probability
    outline = _polygon(dice, config, radius)
    # Where there is no hole, its corners fall into one point: between them lies nothing.
    inner = _polygon(dice, config, tf.where(holed, hole, 0.0))

    # Textures: turned, scaled and mirrored at will, anywhere in the picture.
    picture = dice.whole(each, 0, len(atlas.offsets) - 1)
    angle, scale = dice.uniform(each, 0, 2 * math.pi), dice.uniform(each, *config.picture_scale)
    mirror = tf.where(dice.uniform(each) < 0.5, -1.0, 1.0)
    cos, sin = scale * tf.cos(angle), scale * tf.sin(angle)

    # Motion about the layer's centre: p -> p + motion (p - centre) + shift + waves.
    angle = dice.either(each, config.rotation * math.pi / 180)
    zoom = 1 + dice.either([*each, 2], config.zoom)
    motion = _matrix(
        zoom[..., 0] * tf.cos(angle) - 1,
        -zoom[..., 1] * tf.sin(angle),
        zoom[..., 0] * tf.sin(angle),
        zoom[..., 1] * tf.cos(angle) - 1,
    )
    far = config.translation * tf.sqrt(dice.uniform(each))  # even over the disc
    waves = [*each, config.waves]
    number = 2 * math.pi / (dice.uniform(waves, *config.wave_length) * short)
    dense = dice.uniform([count, 2], 0.5, 1.0) * 2 * math.pi / (2 * short)

    exposure = _sometimes(dice, config.motion_blur_probability, config.exposure)
    return {
        "centre": centre,
        "corners": tf.stack([outline, inner], axis=2),  # from the centre, [BLOCK, L - 1, 2, V, 2]
        "present": tf.range(layers - 1) < dice.whole([count, 1], *config.foregrounds),
        "picture": picture,
        "turn": _matrix(cos, -sin * mirror, sin, cos * mirror),
        "origin": dice.uniform([*each, 2]) * tf.gather(tf.constant(atlas.sizes), picture),
        "motion": motion,
        "shift": dice.polar(far),
        "wave_number": dice.polar(number),
        "wave_phase": dice.uniform(waves, 0, 2 * math.pi),
        "wave_push": dice.polar(dice.uniform(waves) * config.wave_amplitude),
        "exposure": exposure,
        "fog": _sometimes(dice, config.fog_probability, config.fog_density),
        "fog_colour": dice.uniform([count, 3], 128, 255),
        "fog_number": dice.polar(dense),
        "fog_phase": dice.uniform([count, 2], 0, 2 * math.pi),
        "light": dice.either([count, 2, 3], config.brightness) * 255,
        "contrast": 1 + dice.either([count, 2, 1], config.contrast),
        "noise": dice.uniform([count], 0, config.noise) * 255,
    }


def _sometimes(dice: _Dice, probability: float, values: Range) -> tf.Tensor:
    """[BLOCK]: a number from `values`, or 0 where the dice say no."""
    return tf.where(dice.uniform([BLOCK]) < probability, dice.uniform([BLOCK], *values), 0.0)


def _polygon(dice: _Dice, config: SceneConfig, radius: tf.Tensor) -> tf.Tensor:
    """Corners about (0, 0), [BLOCK, L - 1, V, 2]; one with fewer has its last one several times.

    Each stays within a fifth of a step of its even place: more could leave 180 degrees between two
    corners of a triangle, and the centre outside.
    """
    shape = [*radius.shape[:2], config.corners[1]]
    corners = tf.cast(dice.whole([*shape[:2], 1], *config.corners), tf.float32)
    number = tf.minimum(tf.range(shape[2], dtype=tf.float32), corners - 1)
    last = tf.cast(number, tf.int32)
    jitter = tf.gather(dice.either(shape, 0.2), last, batch_dims=2)
    away = radius * tf.gather(dice.uniform(shape, config.roundness, 1), last, batch_dims=2)
    angle = 2 * math.pi * (number + jitter) / corners
    return tf.stack([away * tf.cos(angle), away * tf.sin(angle)], axis=-1)


def _matrix(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.stack([a, b], axis=-1), tf.stack([c, d], axis=-1)], axis=-2)


# === Rendering ===


def render_scenes(
    atlas: Atlas, config: SceneConfig, size: tuple[int, int], scene: dict[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """A batch of `draw_scenes`' numbers to pairs as `render_pairs` describes, frames in float32."""
    grid = tf.meshgrid(tf.range(size[1], dtype=tf.float32), tf.range(size[0], dtype=tf.float32))
    pixels = (grid[0][None, None], grid[1][None, None])  # each [1, 1, H, W]
    frames = []
    for index in (0, 1):
        frame = _exposed(atlas, config, size, scene, pixels, index)
        frame = _fog(scene, pixels, frame)
        light, contrast = scene["light"][:, index], scene["contrast"][:, index]
        frame = (frame - 127.5) * contrast[:, None, None] + 127.5 + light[:, None, None]
        frames.append(frame)

    # Which layer is seen in frame 1, where it goes, and whether another is in front of it there.
    inside = _inside(scene, pixels)
    moves, top = _moves(scene, pixels), tf.zeros(tf.shape(inside[:, 0]), tf.int32)
    flow = [axis[:, 0] for axis in moves]
    for layer in range(1, moves[0].shape[1]):
        here = inside[:, layer - 1]
        flow = [
            tf.where(here, axis[:, layer], under) for axis, under in zip(moves, flow, strict=True)
        ]
        top = tf.where(here, layer, top)
    goal = (pixels[0] + flow[0][:, None], pixels[1] + flow[1][:, None])
    hidden = _inside(scene, _origin(config, size, scene, goal, 1.0))
    before = tf.range(1, moves[0].shape[1])[None, :, None, None] > top[:, None]
    occluded = tf.reduce_any(hidden & before, axis=1)
    for axis, end in ((0, size[1] - 1), (1, size[0] - 1)):
        occluded |= (goal[axis][:, 0] < 0) | (goal[axis][:, 0] > end)
    return {
        "frame1": frames[0],
        "frame2": frames[1],
        "flow": tf.stack(flow, axis=-1),
        "valid": tf.fill(tf.shape(occluded[..., None]), tf.constant(255, tf.uint8)),
        "occluded": tf.cast(occluded[..., None], tf.uint8) * 255,
        "noise": scene["noise"],
    }


def add_noise(pair: dict[str, tf.Tensor], seed: tf.Tensor) -> dict[str, tf.Tensor]:
    """One of `render_scenes`' pairs with its noise and bytes for pixels."""
    level = pair.pop("noise")
    for index, name in enumerate(("frame1", "frame2")):
        one = tf.random.experimental.stateless_fold_in(seed, index, alg="philox")
        noise = tf.random.stateless_normal(pair[name].shape, one, alg="philox")
        frame = tf.clip_by_value(pair[name] + level * noise, 0, 255)
        pair[name] = tf.cast(tf.round(frame), tf.uint8)
    return pair


def _moves(scene: dict[str, tf.Tensor], point: Point) -> Point:
    """How far each layer's points go from frame 1 to frame 2, x and y, [B, L, H, W]."""
    x, y = (point[axis] - _wide(scene["centre"][..., axis]) for axis in (0, 1))
    return tuple(
        _wide(scene["motion"][..., axis, 0]) * x
        + _wide(scene["motion"][..., axis, 1]) * y
        + _wide(scene["shift"][..., axis])
        + wave
        for axis, wave in enumerate(_waves(scene, point))
    )


def _waves(scene: dict[str, tf.Tensor], point: Point) -> tuple[tf.Tensor | float, ...]:
    """The non-rigid part of the motion: waves of its own wave vector, phase and direction each."""
    total: list[tf.Tensor | float] = [0.0, 0.0]
    for wave in range(scene["wave_phase"].shape[-1]):
        number, push = scene["wave_number"][..., wave, :], scene["wave_push"][..., wave, :]
        angle = _wide(number[..., 0]) * point[0] + _wide(number[..., 1]) * point[1]
        swing = tf.sin(angle + _wide(scene["wave_phase"][..., wave]))
        total = [total[axis] + _wide(push[..., axis]) * swing for axis in (0, 1)]
    return tuple(total)


def _origin(
    config: SceneConfig,
    size: tuple[int, int],
    scene: dict[str, tf.Tensor],
    point: Point,
    time: float | tf.Tensor,
) -> Point:
    """Where each layer's point at `time` was at time 0; points go straight and evenly.

    The affine part is inverted in closed form. The waves depend on the very point that is looked
    for: it is set in and solved again until what is left is below a thousandth of a pixel.

    Args:
      time: 0 is frame 1, 1 frame 2; [] or [B, 1, 1, 1].
    """
    a, b, c, d = (
        time * _wide(scene["motion"][..., row, column]) + float(row == column)
        for row in (0, 1)
        for column in (0, 1)
    )
    scale = 1 / (a * d - b * c)
    centre = [_wide(scene["centre"][..., axis]) for axis in (0, 1)]
    shift = [_wide(scene["shift"][..., axis]) for axis in (0, 1)]

    def undo(waves: tuple[tf.Tensor | float, ...]) -> Point:
        x, y = (point[k] - centre[k] - time * (shift[k] + waves[k]) for k in (0, 1))
        return (centre[0] + scale * (d * x - b * y), centre[1] + scale * (a * y - c * x))

    found = undo((0.0, 0.0))
    if config.waves and config.wave_amplitude:
        # Each turn leaves a share of the error, and the first guess is off by the waves' height.
        share = min(0.9, 1.5 * config.steepness(min(size)))
        left = config.waves * config.wave_amplitude
        for _ in range(max(1, math.ceil(math.log(1e-3 / left) / math.log(share)))):
            found = undo(_waves(scene, found))
    return found


def _inside(scene: dict[str, tf.Tensor], point: Point) -> tf.Tensor:
    """bool [B, L - 1, H, W]: which foregrounds cover the point, which is in their frame 1."""
    return _depth(scene, point) >= 0


def _depth(scene: dict[str, tf.Tensor], point: Point) -> tf.Tensor:
    """Pixels from a foreground's edge, [B, L - 1, H, W], negative outside it and in its hole.

    Seen from the polygon's centre, a point lies between the directions of two corners, and then
    only the edge between them counts. Both questions are linear in the point: one product of
    matrices answers them for all corners. Past a corner the distance is to the edge's line.
    """
    x, y = (axis[:, 1:] if axis.shape[1] > 1 else axis for axis in point)  # without background
    centre, corners = scene["centre"][:, 1:], scene["corners"]  # [B, L-1, 2], [B, L-1, 2, V, 2]
    x, y = x - _wide(centre[..., 0]), y - _wide(centre[..., 1])
    after = tf.roll(corners, -1, axis=3)
    edge = after - corners
    length = tf.maximum(tf.norm(edge, axis=-1), 1e-6)
    cross = corners[..., 0] * after[..., 1] - corners[..., 1] * after[..., 0]
    none = tf.zeros_like(cross)
    # Past the direction of a corner, and the distance from the edge's line: [..., V, 3] each.
    begin = tf.stack([-corners[..., 1], corners[..., 0], none], axis=-1)
    ahead = tf.stack([-edge[..., 1], edge[..., 0], cross], axis=-1) / length[..., None]
    shape, most = tf.shape(x), corners.shape[3]
    forms = tf.reshape(tf.concat([begin, ahead], axis=3), [shape[0], shape[1], 4 * most, 3])
    point = tf.reshape(tf.stack([x, y, tf.ones_like(x)], axis=2), [shape[0], shape[1], 3, -1])
    values = tf.reshape(tf.matmul(forms, point), [shape[0], shape[1], 2, 2, most, -1])
    begins = values[:, :, :, 0] >= 0
    between = begins & ~tf.roll(begins, -1, axis=3)
    depth = tf.reduce_max(tf.where(between, values[:, :, :, 1], -1e6), axis=3)
    depth = tf.minimum(depth[:, :, 0], -depth[:, :, 1])
    depth = tf.where(scene["present"][:, :, None], depth, -1e6)
    return tf.reshape(depth, shape)


def _exposed(
    atlas: Atlas,
    config: SceneConfig,
    size: tuple[int, int],
    scene: dict[str, tf.Tensor],
    pixels: Point,
    index: int,
) -> tf.Tensor:
    """Frame 1 (index 0) or 2, float32 [B, H, W, 3]: the mean of the moments of an exposure."""
    if not config.motion_blur_probability:
        return _moment(atlas, config, size, scene, pixels, float(index))
    total = 0.0
    for moment in range(config.blur_samples):
        offset = (moment + 0.5) / config.blur_samples - 0.5
        time = index + offset * scene["exposure"][:, None, None, None]
        total += _moment(atlas, config, size, scene, pixels, time)
    return total / config.blur_samples


def _moment(
    atlas: Atlas,
    config: SceneConfig,
    size: tuple[int, int],
    scene: dict[str, tf.Tensor],
    pixels: Point,
    time: float | tf.Tensor,
) -> tf.Tensor:
    """What is seen at `time`: the layers over one another, float32 [B, H, W, 3]."""
    still = isinstance(time, float) and time == 0.0
    point = pixels if still else _origin(config, size, scene, pixels, time)
    turn = scene["turn"]
    texture = tuple(
        _wide(turn[..., axis, 0]) * point[0]
        + _wide(turn[..., axis, 1]) * point[1]
        + _wide(scene["origin"][..., axis])
        for axis in (0, 1)
    )
    colours = atlas.sample(scene["picture"], texture)
    depth = _depth(scene, point)
    cover = tf.clip_by_value(depth / config.edge + 0.5, 0, 1) if config.edge else depth >= 0
    cover = tf.cast(cover, tf.float32)[..., None]
    seen = colours[:, 0]
    for layer in range(1, colours.shape[1]):
        seen += cover[:, layer - 1] * (colours[:, layer] - seen)
    return seen


def _fog(scene: dict[str, tf.Tensor], pixels: Point, frame: tf.Tensor) -> tf.Tensor:
    """Blends in the fog's colour: thick and thin places that stand still between the frames."""
    thickness = 1.0
    for wave in (0, 1):
        number = scene["fog_number"][:, wave, :, None, None]
        angle = number[:, 0] * pixels[0][0] + number[:, 1] * pixels[1][0]
        thickness *= 0.5 + 0.5 * tf.sin(angle + scene["fog_phase"][:, wave, None, None])
    share = (scene["fog"][:, None, None] * thickness)[..., None]
    return frame + share * (scene["fog_colour"][:, None, None] - frame)


def _wide(values: tf.Tensor) -> tf.Tensor:
    """[B, L] to [B, L, 1, 1]."""
    return values[:, :, None, None]
