"""Pictures: encoded bytes to pixels, resizing, cropping, turning. Stateless, TensorFlow core ops.

The same functions run in tf.data and in the served graph. H, W are a picture's rows and columns, C its channels; pixels
are in 0..255, uint8 as decoded and float32 from the first resize on. A `seed` is an int32 [2], new for each example.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import tensorflow as tf

# Mean and standard deviation of ImageNet's channels on 0..255 (docs/architecture.md, Training recipes).
IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_STDDEV = (0.229 * 255, 0.224 * 255, 0.225 * 255)

MAX_PIXELS = 64 << 20  # files whose header declares more are refused before they are decoded
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601; they sum to 1, so that grey stays unchanged


# === Bytes to pixels ===


def decode_image(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes PNG, JPEG, BMP or the first frame of a GIF.

    Alpha is dropped, not composited (like PIL's `convert("RGB")`); 16 bits per channel keep their upper 8; grey is
    repeated to three channels, colour becomes one channel of luma. EXIF orientation is ignored.

    Args:
      encoded: string [].
      channels: 1 or 3.

    Returns:
      uint8 [H, W, channels].
    """
    # 0 means as in the file. A fixed number fails for some formats (grey from GIF, BMP with alpha).
    image = tf.io.decode_image(encoded, channels=0, expand_animations=False)
    return _with_channels(tf.ensure_shape(image, [None, None, None]), channels)


def _with_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """uint8 [H, W, 1..4] to uint8 [H, W, channels]; two and four channels end in alpha."""
    if channels not in (1, 3):
        raise ValueError(f"channels is {channels}; expected 1 or 3.")

    def colour() -> tf.Tensor:
        if channels == 3:
            return image[..., :3]
        grey = tf.reduce_sum(tf.cast(image[..., :3], tf.float32) * LUMA, axis=-1, keepdims=True)
        return tf.cast(tf.round(grey), tf.uint8)

    def grey() -> tf.Tensor:
        return tf.repeat(image[..., :1], channels, axis=-1)

    image_out = tf.cond(tf.shape(image)[-1] >= 3, colour, grey)
    return tf.ensure_shape(image_out, [None, None, channels])


# === Sizes ===


def resize(
    image: tf.Tensor, size: Sequence[int], method: str = "bilinear", antialias: bool = False
) -> tf.Tensor:
    """[..., H, W, C] to float32 [..., size[0], size[1], C]; bicubic results may lie slightly outside 0..255."""
    return tf.cast(tf.image.resize(image, size, method=method, antialias=antialias), tf.float32)


def central_crop(image: tf.Tensor, size: int, margin: int = 32) -> tf.Tensor:
    """The middle square, size / (size + margin) of the short side, resized to `size` (bicubic).

    The official ImageNet test recipe: 224/256 for the default (docs/architecture.md, Evaluation).

    Returns:
      float32 [size, size, C].
    """
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    short = tf.cast(tf.minimum(height, width), tf.float32)
    side = tf.maximum(tf.cast(size / (size + margin) * short, tf.int32), 1)
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    crop = tf.image.crop_to_bounding_box(image, top, left, side, side)
    return resize(crop, [size, size], "bicubic")


# === Augmentation ===


def random_crop_flip(image: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    """The "inception" crop, 8 to 100 % of the area at an aspect ratio of 3/4 to 4/3, and a random flip.

    Args:
      image: [H, W, C].
      size: Side of the result (bicubic).
      seed: int32 [2].

    Returns:
      float32 [size, size, C].
    """
    box = _random_box(tf.shape(image), seed)
    crop = tf.image.crop_to_bounding_box(image, box[0], box[1], box[2], box[3])
    crop = tf.ensure_shape(crop, [None, None, image.shape[-1]])
    return _resize_flip(crop, size, seed)


def decode_random_crop_flip(encoded: tf.Tensor, channels: int, size: int, seed: tf.Tensor):
    """`random_crop_flip(decode_image(encoded, channels), size, seed)`, faster for a JPEG.

    Only the JPEG's blocks under the crop are decoded; decoding is most of what a training picture costs. Returns
    float32 [size, size, channels].
    """

    def part() -> tf.Tensor:
        box = _random_box(tf.io.extract_jpeg_shape(encoded), seed)
        return _with_channels(tf.image.decode_and_crop_jpeg(encoded, box, channels=0), channels)

    def whole() -> tf.Tensor:
        image = decode_image(encoded, channels)
        box = _random_box(tf.shape(image), seed)
        return tf.image.crop_to_bounding_box(image, box[0], box[1], box[2], box[3])

    crop = tf.cond(tf.io.is_jpeg(encoded), part, whole)
    return _resize_flip(tf.ensure_shape(crop, [None, None, channels]), size, seed)


def _random_box(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """int32 [4]: top, left, height, width of an inception crop of a picture of `shape` [3]."""
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.zeros([1, 0, 4], tf.float32),
        seed=seed,
        min_object_covered=0.0,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.08, 1.0),
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.stack([begin[0], begin[1], extent[0], extent[1]])


def _resize_flip(image: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    flip = tf.random.experimental.stateless_fold_in(seed, 1, alg="philox")
    return tf.image.stateless_random_flip_left_right(
        resize(image, [size, size], "bicubic"), seed=flip
    )


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


# === Checking bytes before they are used (Python, not a graph) ===


def check_image(encoded: bytes, max_pixels: int = MAX_PIXELS) -> str | None:
    """Why `decode_image` cannot take the bytes, in a readable message; None if it can.

    The size that the header declares is checked first: a file of a few kilobytes may decode to gigabytes.
    """
    if not encoded:
        return "empty"
    size = image_size(encoded)
    if size is None:
        return f"not a PNG, JPEG, GIF or BMP: {len(encoded)} bytes that begin with {encoded[:8]!r}"
    height, width = size
    if height < 1 or width < 1:
        return f"declares {height} x {width} pixels"
    if height * width > max_pixels:
        return f"declares {height} x {width} pixels, more than the {max_pixels} allowed"
    if encoded.startswith(b"\x89PNG") and b"IEND" not in encoded[-64:]:
        return "truncated PNG: its end is missing"
    try:
        with tf.device("CPU:0"):
            tf.io.decode_image(encoded, channels=0, expand_animations=False)
    except (tf.errors.InvalidArgumentError, tf.errors.InternalError) as error:
        message = error.message.split("}} ")[-1].split(" [Op:")[0]
        return f"cannot be decoded: {message}"
    return None


def image_size(encoded: bytes) -> tuple[int, int] | None:
    """(rows, columns) as the header of a PNG, JPEG, GIF or BMP declares them; None if there is no such header."""
    try:
        if encoded.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack(">II", encoded[16:24])
            return height, width
        if encoded[:6] in (b"GIF87a", b"GIF89a"):
            width, height = struct.unpack("<HH", encoded[6:10])
            return height, width
        if encoded.startswith(b"BM"):
            width, height = struct.unpack("<ii", encoded[18:26])
            return abs(height), width  # a negative height stores the rows from the top
        if encoded.startswith(b"\xff\xd8\xff"):
            return _jpeg_size(encoded)
    except struct.error:
        pass
    return None


def _jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    """The size in a JPEG's first frame header, found by going from marker to marker."""
    place = 2
    while place + 4 <= len(encoded):
        if encoded[place] != 0xFF:
            return None
        marker = encoded[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", encoded[place + 5 : place + 9])
            return height, width
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            place += 2
            continue
        place += 2 + struct.unpack(">H", encoded[place + 2 : place + 4])[0]
    return None
