"""RandAugment (arXiv 1909.13719): a few operations on a picture, drawn from sixteen. Stateless, core ops.

The operations and their strengths are those of the released ImageNet training: a magnitude from 0 to 10 for all of
them, directions drawn at random, 128 where a picture has moved away. Pictures are uint8 [H, W, C], of 1 or 3 channels.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import tensorflow as tf

from perceiver_keras.data.seeds import fold_in

GREY = 128  # of what lies outside a picture that moved, and of the box that is cut out
MOST = 10.0  # the largest magnitude
_LUMA = (0.2989, 0.587, 0.114)  # as `tf.image.rgb_to_grayscale` weighs them
_SMOOTH = ((1, 1, 1), (1, 5, 1), (1, 1, 1))  # of 13; PIL's filter of that name

Operation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (picture, seed) -> picture


def randaugment(
    image: tf.Tensor, seed: tf.Tensor, layers: int = 4, magnitude: float = 5.0, scale: float = 1.0
) -> tf.Tensor:
    """`layers` operations in a row, each drawn from all sixteen with equal probability.

    Args:
      image: uint8 [H, W, C].
      seed: int32 [2].
      layers: How many.
      magnitude: 0 to 10.
      scale: Factor of what is measured in pixels, for pictures that are smaller than ImageNet's.
    """
    one = _layer(magnitude, scale, image.shape[-1])
    for layer in range(layers):
        image = tf.ensure_shape(one(image, fold_in(seed, layer)), image.shape)
    return image


@functools.cache
def _layer(magnitude: float, scale: float, channels: int) -> Operation:
    """One operation of the sixteen, as a function that graphs call by its name: its body stands in them once."""
    each = list(operations(magnitude, scale).values())

    def layer(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        chosen = tf.random.stateless_uniform(
            [], seed, maxval=len(each), dtype=tf.int32, alg="philox"
        )
        inside = fold_in(seed, len(each))
        return tf.switch_case(chosen, [lambda run=run: run(image, inside) for run in each])

    return tf.function(
        layer,
        input_signature=(
            tf.TensorSpec([None, None, channels], tf.uint8),
            tf.TensorSpec([2], tf.int32),
        ),
        experimental_attributes={"_noinline": True},
        autograph=False,
    )


def operations(magnitude: float, scale: float = 1.0) -> dict[str, Operation]:
    """The sixteen, by name, at one magnitude."""
    share = magnitude / MOST
    factor = share * 1.8 + 0.1
    slope, pixels = share * 0.3, share * 100 * scale
    return {
        "auto_contrast": lambda image, seed: auto_contrast(image),
        "equalize": lambda image, seed: equalize(image),
        "invert": lambda image, seed: 255 - image,
        "rotate": lambda image, seed: rotate(image, _signed(share * 30.0, seed)),
        "posterize": lambda image, seed: posterize(image, int(share * 4)),
        "solarize": lambda image, seed: solarize(image, int(share * 256)),
        "color": lambda image, seed: blend(grey(image), image, factor),
        "contrast": lambda image, seed: blend(mean_grey(image), image, factor),
        "brightness": lambda image, seed: blend(tf.zeros_like(image), image, factor),
        "sharpness": lambda image, seed: blend(smooth(image), image, factor),
        "shear_x": lambda image, seed: moved(image, (1, _signed(slope, seed), 0, 0, 1, 0)),
        "shear_y": lambda image, seed: moved(image, (1, 0, 0, _signed(slope, seed), 1, 0)),
        "translate_x": lambda image, seed: moved(image, (1, 0, _signed(pixels, seed), 0, 1, 0)),
        "translate_y": lambda image, seed: moved(image, (1, 0, 0, 0, 1, _signed(pixels, seed))),
        "cutout": lambda image, seed: cutout(image, int(share * 40 * scale), seed),
        "solarize_add": lambda image, seed: solarize_add(image, int(share * 110)),
    }


def _signed(value: float, seed: tf.Tensor) -> tf.Tensor:
    """float32 []: the value, negative every other time."""
    drawn = tf.random.stateless_uniform([], seed, alg="philox")
    return tf.where(drawn < 0.5, value, -value)


# === Values ===


def blend(image: tf.Tensor, other: tf.Tensor, factor: float) -> tf.Tensor:
    """From `image` at factor 0 to `other` at 1, and beyond; clipped, then cut to whole numbers."""
    if factor == 1.0:
        return other
    image, other = tf.cast(image, tf.float32), tf.cast(other, tf.float32)
    return tf.cast(tf.clip_by_value(image + factor * (other - image), 0.0, 255.0), tf.uint8)


def _luma(image: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 1]."""
    if image.shape[-1] == 1:
        return image
    weighed = tf.reduce_sum(tf.cast(image, tf.float32) * _LUMA, axis=-1, keepdims=True)
    return tf.cast(tf.round(weighed), tf.uint8)


def grey(image: tf.Tensor) -> tf.Tensor:
    """The picture without colour."""
    return tf.broadcast_to(_luma(image), tf.shape(image))


def mean_grey(image: tf.Tensor) -> tf.Tensor:
    """A picture of one grey, the mean of this one's luma, as PIL's contrast has it."""
    mean = tf.reduce_mean(tf.cast(_luma(image), tf.float32))
    return tf.fill(tf.shape(image), tf.cast(tf.floor(mean + 0.5), tf.uint8))


def smooth(image: tf.Tensor) -> tf.Tensor:
    """PIL's filter SMOOTH; the pixels at the border stay as they are."""
    channels = image.shape[-1]
    kernel = tf.constant(_SMOOTH, tf.float32)[:, :, None, None] / 13.0
    filtered = tf.nn.depthwise_conv2d(
        tf.cast(image, tf.float32)[None],
        tf.tile(kernel, [1, 1, channels, 1]),
        strides=[1, 1, 1, 1],
        padding="SAME",
    )[0]
    # Sums of thirteenths may come out a hair below a whole number.
    filtered = tf.cast(tf.clip_by_value(filtered + 1e-3, 0.0, 255.0), tf.uint8)
    rows, columns = tf.range(tf.shape(image)[0]), tf.range(tf.shape(image)[1])
    inside = [(place > 0) & (place < tf.size(place) - 1) for place in (rows, columns)]
    return tf.where((inside[0][:, None] & inside[1][None])[..., None], filtered, image)


def auto_contrast(image: tf.Tensor) -> tf.Tensor:
    """Each channel stretched to 0..255; one of a single value stays."""
    low = tf.cast(tf.reduce_min(image, axis=(0, 1)), tf.float32)
    high = tf.cast(tf.reduce_max(image, axis=(0, 1)), tf.float32)
    scale = tf.math.divide_no_nan(255.0, high - low)
    stretched = tf.cast(image, tf.float32) * scale - low * scale
    stretched = tf.cast(tf.clip_by_value(stretched, 0.0, 255.0), tf.uint8)
    return tf.where(high > low, stretched, image)


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Each channel's histogram made flat, as PIL does it: steps of (pixels but those of the last value) // 255."""
    channels = image.shape[-1]
    values = tf.cast(image, tf.int32)
    places = values + 256 * tf.range(channels)
    counts = tf.math.bincount(tf.reshape(places, [-1]), minlength=256 * channels)
    counts = tf.reshape(counts[: 256 * channels], [channels, 256])
    last = 255 - tf.argmax(tf.reverse(counts > 0, [1]), axis=1, output_type=tf.int32)
    total = tf.reduce_sum(counts, axis=1)
    step = (total - tf.gather(counts, last, batch_dims=1)) // 255
    divisor = tf.maximum(step, 1)[:, None]
    table = (tf.cumsum(counts, axis=1, exclusive=True) + divisor // 2) // divisor
    same = tf.broadcast_to(tf.range(256), tf.shape(table))
    table = tf.where(step[:, None] > 0, tf.minimum(table, 255), same)
    return tf.cast(tf.gather(tf.reshape(table, [-1]), places), tf.uint8)


def posterize(image: tf.Tensor, bits: int) -> tf.Tensor:
    """Keeps the `bits` upper bits; 0 makes the picture black."""
    return tf.bitwise.bitwise_and(image, tf.constant((0xFF00 >> bits) & 0xFF, tf.uint8))


def solarize(image: tf.Tensor, threshold: int) -> tf.Tensor:
    """Inverts what is at least `threshold`."""
    return tf.where(tf.cast(image, tf.int32) < threshold, image, 255 - image)


def solarize_add(image: tf.Tensor, addition: int, threshold: int = 128) -> tf.Tensor:
    """Adds to what is below `threshold`."""
    values = tf.cast(image, tf.int32)
    added = tf.cast(tf.clip_by_value(values + addition, 0, 255), tf.uint8)
    return tf.where(values < threshold, added, image)


# === Places ===


def moved(image: tf.Tensor, transform: tuple) -> tf.Tensor:
    """Output (x, y) reads input (a x + b y + c, d x + e y + f), the nearest pixel; `GREY` outside."""
    rows = tf.stack([tf.cast(value, tf.float32) for value in (*transform, 0.0, 0.0)])
    found = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=rows[None],
        output_shape=tf.shape(image)[:2],
        fill_value=float(GREY),
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(found[0], image.shape)


def rotate(image: tf.Tensor, degrees: tf.Tensor) -> tf.Tensor:
    """Turns about the centre of the pixels, counter-clockwise."""
    angle = degrees * (math.pi / 180)
    sizes = tf.cast(tf.shape(image)[:2] - 1, tf.float32)
    sine, cosine = tf.sin(angle), tf.cos(angle)
    x = (sizes[1] - (cosine * sizes[1] - sine * sizes[0])) / 2
    y = (sizes[0] - (sine * sizes[1] + cosine * sizes[0])) / 2
    return moved(image, (cosine, -sine, x, sine, cosine, y))


def cutout(image: tf.Tensor, half: int, seed: tf.Tensor) -> tf.Tensor:
    """A box of 2 `half` pixels a side around a point of the picture becomes `GREY`."""
    shape = tf.shape(image)
    drawn = tf.random.stateless_uniform([2], seed, alg="philox")
    centre = tf.cast(drawn * tf.cast(shape[:2], tf.float32), tf.int32)
    rows, columns = (
        (tf.range(shape[i]) >= centre[i] - half) & (tf.range(shape[i]) < centre[i] + half)
        for i in (0, 1)
    )
    box = (rows[:, None] & columns[None])[..., None]
    return tf.where(box, tf.constant(GREY, tf.uint8), image)
