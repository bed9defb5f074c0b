"""Pictures: encoded bytes to pixels, resizing, cropping, turning. Stateless, TensorFlow core ops.

The same functions run in tf.data and in the served graph. H, W are a picture's rows and columns, C its channels; pixels
are in 0..255, uint8 as decoded and float32 from the first resize on. A `seed` is an int32 [2], new for each example.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from perceiver_keras.data.image_file import (
    LUMA as LUMA,
)
from perceiver_keras.data.image_file import (
    check_image as check_image,
)
from perceiver_keras.data.image_file import (
    decode_image as decode_image,
)
from perceiver_keras.data.image_file import (
    image_size as image_size,
)
from perceiver_keras.data.image_file import (
    with_channels,
)
from perceiver_keras.data.picture_files import jpeg

# Mean and standard deviation of ImageNet's channels on 0..255 (docs/architecture.md, Training recipes).
IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_STDDEV = (0.229 * 255, 0.224 * 255, 0.225 * 255)

# === Sizes ===


def resize(
    image: tf.Tensor, size: Sequence[int], method: str = "bilinear", antialias: bool = False
) -> tf.Tensor:
    """[..., H, W, C] to float32 [..., size[0], size[1], C]; bicubic results may lie slightly outside 0..255."""
    return tf.cast(tf.image.resize(image, size, method=method, antialias=antialias), tf.float32)


def central_part(image: tf.Tensor, size: int, margin: int = 32) -> tf.Tensor:
    """Which part `central_crop` takes: (top, left, bottom, right) as shares of the picture, float32 [4]."""
    shape = tf.shape(image)
    box = tf.cast(_central_box(shape, size / (size + margin)), tf.float32)
    sides = tf.cast(shape[:2], tf.float32)
    return tf.concat([box[:2] / sides, (box[:2] + box[2:]) / sides], 0)


def central_crop(image: tf.Tensor, size: int, margin: int = 32) -> tf.Tensor:
    """The middle square, size / (size + margin) of the short side, resized to `size` (bicubic).

    The official ImageNet test recipe: 224/256 for the default (docs/architecture.md, Evaluation).

    Returns:
      float32 [size, size, C].
    """
    box = _central_box(tf.shape(image), size / (size + margin))
    crop = tf.image.crop_to_bounding_box(image, box[0], box[1], box[2], box[3])
    return resize(crop, [size, size], "bicubic")


# === Augmentation ===

Change = Callable[[tf.Tensor], tf.Tensor]  # uint8 [H, W, C] -> the same


def random_crop_flip(
    image: tf.Tensor, size: int | Sequence[int], seed: tf.Tensor, change: Change | None = None
) -> tf.Tensor:
    """The "inception" crop, 10 to 100 % of the area at an aspect ratio of 3/4 to 4/3, and a random flip.

    Args:
      image: [H, W, C].
      size: Side of the result, or its height and width (bicubic).
      seed: int32 [2].
      change: What else happens to the crop, before it is resized.

    Returns:
      float32 [size, size, C].
    """
    box = _random_box(tf.shape(image), seed)
    crop = tf.image.crop_to_bounding_box(image, box[0], box[1], box[2], box[3])
    crop = tf.ensure_shape(crop, [None, None, image.shape[-1]])
    return _resize_flip(crop if change is None else change(crop), _sides(size), seed)


def decode_random_crop_flip(
    encoded: tf.Tensor,
    channels: int,
    size: int | Sequence[int],
    seed: tf.Tensor,
    change: Change | None = None,
) -> tf.Tensor:
    """`random_crop_flip(decode_image(encoded, channels), size, seed, change)`, faster for a JPEG.

    Only the JPEG's blocks under the crop are decoded; decoding is most of what a training picture costs. The crop is
    drawn in the picture as it is looked at, after EXIF's turn. Returns float32 [size, size, channels].
    """

    def part() -> tf.Tensor:
        turned = jpeg.orientation(encoded)
        shape = jpeg.turned_shape(tf.io.extract_jpeg_shape(encoded), turned)
        box = jpeg.stored_box(_random_box(shape, seed), shape, turned)
        crop = tf.image.decode_and_crop_jpeg(encoded, box, channels=0)
        return with_channels(jpeg.orient(crop, turned), channels)

    def whole() -> tf.Tensor:
        image = decode_image(encoded, channels)
        box = _random_box(tf.shape(image), seed)
        return tf.image.crop_to_bounding_box(image, box[0], box[1], box[2], box[3])

    crop = tf.cond(tf.io.is_jpeg(encoded), part, whole)
    crop = tf.ensure_shape(crop, [None, None, channels])
    return _resize_flip(crop if change is None else change(crop), _sides(size), seed)


def _random_box(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """int32 [4]: top, left, height, width of an inception crop of a picture of `shape` [3].

    The released code draws areas from 8 %, and then wants a tenth of the picture covered. Where ten tries give no crop,
    it takes the central one of the test.
    """
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.zeros([1, 0, 4], tf.float32),
        seed=seed,
        min_object_covered=0.1,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.08, 1.0),
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    box = tf.stack([begin[0], begin[1], extent[0], extent[1]])
    whole = tf.reduce_all(tf.equal(extent[:2], shape[:2]))
    return tf.where(whole, _central_box(shape, 224 / 256), box)


def _central_box(shape: tf.Tensor, share: float) -> tf.Tensor:
    """int32 [4]: top, left, height, width of the middle square, `share` of the short side."""
    side = tf.cast(share * tf.cast(tf.minimum(shape[0], shape[1]), tf.float32), tf.int32)
    side = tf.maximum(side, 1)
    return tf.stack([(shape[0] - side + 1) // 2, (shape[1] - side + 1) // 2, side, side])


def _sides(size: int | Sequence[int]) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)


def _resize_flip(image: tf.Tensor, size: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    flip = tf.random.experimental.stateless_fold_in(seed, 1, alg="philox")
    return tf.image.stateless_random_flip_left_right(resize(image, size, "bicubic"), seed=flip)


def random_affine(
    image: tf.Tensor, degrees: float, scale: float, pixels: float, seed: tf.Tensor
) -> tf.Tensor:
    """Rotates, scales and moves [H, W, C] about its centre (bilinear), with zeros outside. float32.

    Args:
      degrees: The rotation is uniform in -degrees..degrees.
      scale: Rows and columns are each scaled by a factor uniform in 1-scale..1+scale.
      pixels: The move along each axis is uniform in -pixels..pixels.
    """
    image = tf.cast(image, tf.float32)
    drawn = tf.random.stateless_uniform([5], seed, minval=-1.0, maxval=1.0, alg="philox")
    angle = drawn[0] * degrees * math.pi / 180
    by_row, by_column = 1.0 / (1.0 + drawn[1] * scale), 1.0 / (1.0 + drawn[2] * scale)
    down, right = drawn[3] * pixels, drawn[4] * pixels

    # Output (x, y) reads input (a x + b y + e, c x + d y + f); the centre goes to the moved centre.
    a, b = tf.cos(angle) * by_column, -tf.sin(angle) * by_column
    c, d = tf.sin(angle) * by_row, tf.cos(angle) * by_row
    size = tf.cast(tf.shape(image)[:2] - 1, tf.float32) / 2
    x, y = size[1] + right, size[0] + down
    e, f = size[1] - a * x - b * y, size[0] - c * x - d * y
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=tf.stack([a, b, e, c, d, f, 0.0, 0.0])[None],
        output_shape=tf.shape(image)[:2],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(moved[0], image.shape)


# === Values ===


def normalise(
    image: tf.Tensor,
    mean: Sequence[float] = IMAGENET_MEAN,
    stddev: Sequence[float] = IMAGENET_STDDEV,
) -> tf.Tensor:
    """(image - mean) / stddev per channel, float32; the defaults are ImageNet's, for 0..255."""
    image = tf.cast(image, tf.float32)
    return (image - tf.constant(mean, tf.float32)) / tf.constant(stddev, tf.float32)
