"""Pictures against PIL and NumPy."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from perceiver_keras.data import image

SIZE = (37, 23)  # rows, columns


def _pixels(channels: int) -> np.ndarray:
    """A smooth picture, so that JPEG keeps it, uint8 [37, 23, channels]."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    planes = [128 + 100 * np.sin(rows / (7 + c) + columns / (9 - c)) for c in range(channels)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def _encoded(pixels: np.ndarray, mode: str, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(), mode).save(buffer, kind, **options)
    return buffer.getvalue()


GREY, COLOUR = _pixels(1), _pixels(3)
FILES = {
    "png grey": (_encoded(GREY, "L", "PNG"), 0),
    "png colour": (_encoded(COLOUR, "RGB", "PNG"), 0),
    "png grey alpha": (_encoded(_pixels(2), "LA", "PNG"), 0),
    "png colour alpha": (_encoded(_pixels(4), "RGBA", "PNG"), 0),
    "png palette": (Image.fromarray(COLOUR).quantize(16), 0),
    "jpeg grey": (_encoded(GREY, "L", "JPEG"), 3),
    "jpeg colour": (_encoded(COLOUR, "RGB", "JPEG", quality=95), 10),  # coarse colour planes
    "gif": (Image.fromarray(COLOUR).quantize(16), 0),
    "bmp colour": (_encoded(COLOUR, "RGB", "BMP"), 0),
}
for name, kind in (("png palette", "PNG"), ("gif", "GIF")):
    _buffer = io.BytesIO()
    FILES[name][0].save(_buffer, kind)
    FILES[name] = (_buffer.getvalue(), 0)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("channels", [1, 3])
def test_decodes_as_pil_does(name, channels):
    encoded, tolerance = FILES[name]
    found = image.decode_image(tf.constant(encoded), channels)
    assert found.dtype == tf.uint8 and found.shape == (*SIZE, channels)
    rgb = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"), np.int32)
    grey = np.rint(rgb @ np.array([0.299, 0.587, 0.114]))[..., None]
    expected = rgb if channels == 3 else grey
    np.testing.assert_allclose(found, expected, atol=tolerance + (channels == 1))


def test_grey_stays_exactly_grey():
    encoded = _encoded(np.arange(256, dtype=np.uint8).reshape(16, 16), "L", "PNG")
    for channels in (1, 3):
        found = image.decode_image(encoded, channels).numpy()
        np.testing.assert_array_equal(found[..., 0].ravel(), np.arange(256))


def test_sixteen_bits_keep_their_upper_eight():
    values = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    found = image.decode_image(buffer.getvalue(), 1).numpy()
    np.testing.assert_array_equal(found.ravel(), np.arange(256))


def test_an_animation_gives_its_first_frame():
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    found = image.decode_image(buffer.getvalue(), 3)
    assert found.shape == (8, 8, 3)
    np.testing.assert_array_equal(found, np.full((8, 8, 3), 10))


def test_works_in_a_graph_of_strings():
    """As the served graph calls it: a batch of bytes of different formats through map_fn."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(encoded):
        return tf.map_fn(
            lambda one: image.central_crop(image.decode_image(one, 3), 16),
            encoded,
            fn_output_signature=tf.TensorSpec([16, 16, 3], tf.float32),
        )

    batch = serve(tf.constant([FILES[name][0] for name in FILES]))
    assert batch.shape == (len(FILES), 16, 16, 3)


def test_resize_matches_pil_with_antialias():
    found = image.resize(COLOUR, [12, 10], "bicubic", antialias=True)
    expected = Image.fromarray(COLOUR).resize((10, 12), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(found, np.asarray(expected, np.float32), atol=3)
    assert found.dtype == tf.float32


def test_central_crop_takes_the_middle_seven_eighths():
    """224 of 256: a 512-row ramp, wider than high, loses 32 rows on either side."""
    ramp = np.broadcast_to(np.arange(512.0)[:, None, None], (512, 700, 1))
    found = image.central_crop(tf.constant(ramp, tf.float32), 224).numpy()
    assert found.shape == (224, 224, 1)
    # 448 rows from row 32; the centre of output row i lies at 32 + 2 i + 0.5.
    np.testing.assert_allclose(found[5:-5, 100, 0], 32.5 + 2 * np.arange(224)[5:-5], atol=1e-2)
    columns = np.broadcast_to(np.arange(700.0)[None, :, None], (512, 700, 1))
    found = image.central_crop(tf.constant(columns, tf.float32), 224).numpy()
    np.testing.assert_allclose(found[100, 5:-5, 0], 126.5 + 2 * np.arange(224)[5:-5], atol=1e-2)


def _seed(number: int) -> tf.Tensor:
    return tf.constant([number, 7], tf.int32)


def test_random_boxes_have_the_recipes_areas_and_shapes():
    areas, ratios, places = [], [], set()
    random_box = tf.function(lambda seed: image._random_box(tf.constant([90, 120, 3]), seed))
    for number in range(150):
        top, left, height, width = random_box(_seed(number)).numpy()
        assert 0 <= top <= 90 - height and 0 <= left <= 120 - width
        areas.append(height * width / (90 * 120))
        ratios.append(width / height)
        places.add((top, left))
    # Whole pixels round the limits a little.
    assert 0.07 < min(areas) < 0.2 and 0.8 < max(areas) <= 1.0
    assert 0.72 < min(ratios) < 0.85 and 1.2 < max(ratios) < 1.4
    assert len(places) > 100


def test_random_crop_flip_is_pure_and_flips_half():
    ramp = tf.constant(np.broadcast_to(np.arange(64.0)[None, :, None], (64, 64, 3)), tf.float32)
    crop = tf.function(lambda seed: image.random_crop_flip(ramp, 16, seed))
    flips = 0
    for number in range(80):
        first = crop(_seed(number))
        np.testing.assert_array_equal(first, crop(_seed(number)))
        flips += bool(first[8, 4, 0] > first[8, 12, 0])
    np.testing.assert_array_equal(first, image.random_crop_flip(ramp, 16, _seed(79)))
    assert 24 <= flips <= 56  # 40 +- 3.6 standard deviations


@pytest.mark.parametrize("name", ["jpeg colour", "png colour", "jpeg grey"])
def test_decoding_the_crop_alone_gives_the_same_picture(name):
    """But for a JPEG's coarser colour planes, interpolated otherwise at the edge of a crop."""
    encoded = FILES[name][0]
    for number in range(8):
        whole = image.random_crop_flip(image.decode_image(encoded, 3), 16, _seed(number))
        part = image.decode_random_crop_flip(tf.constant(encoded), 3, 16, _seed(number))
        assert part.shape == (16, 16, 3)
        assert np.mean(np.abs(whole - part)) < 1.5


def test_random_affine_is_scipy_s_with_the_drawn_turn_scale_and_move():
    picture = np.random.default_rng(0).uniform(0, 255, (9, 14, 2)).astype(np.float32)
    affine = tf.function(
        lambda seed: image.random_affine(tf.constant(picture), 20.0, 0.2, 3.0, seed)
    )
    for number in range(10):
        drawn = tf.random.stateless_uniform([5], _seed(number), -1.0, 1.0, alg="philox").numpy()
        turn = np.radians(20 * drawn[0])
        rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        scales = np.array([1 + 0.2 * drawn[1], 1 + 0.2 * drawn[2]])  # rows, columns
        # Output minus the moved centre, turned back and scaled back, plus the centre, is read.
        matrix = np.array(
            [
                [rotation[0, 0] / scales[0], rotation[0, 1] / scales[0]],
                [rotation[1, 0] / scales[1], rotation[1, 1] / scales[1]],
            ]
        )
        centre = np.array([4.0, 6.5])
        offset = centre - matrix @ (centre + 3 * drawn[3:5])
        found = affine(_seed(number)).numpy()
        for channel in range(2):
            expected = ndimage.affine_transform(
                picture[..., channel].astype(np.float64),
                matrix,
                offset,
                order=1,
                mode="grid-constant",
            )
            np.testing.assert_allclose(found[..., channel], expected, atol=0.02)


def test_random_affine_of_nothing_is_nothing():
    picture = np.arange(64, dtype=np.float32).reshape(8, 8, 1)
    np.testing.assert_allclose(image.random_affine(picture, 0, 0, 0, _seed(1)), picture, atol=1e-5)


def test_normalise_undone_gives_the_picture():
    found = image.normalise(tf.constant(COLOUR)).numpy()
    again = found * np.array(image.IMAGENET_STDDEV) + np.array(image.IMAGENET_MEAN)
    np.testing.assert_allclose(again, COLOUR, atol=1e-4)
    np.testing.assert_allclose(image.normalise([[[3.0]]], [1.0], [2.0]), [[[1.0]]])


def test_no_operation_keeps_a_state():
    """What has a state cannot be saved with an iterator, nor repeated."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([2], tf.int32)])
    def everything(encoded, seed):
        crop = image.decode_random_crop_flip(encoded, 3, 16, seed)
        return image.normalise(image.random_affine(crop, 10.0, 0.1, 2.0, seed))

    definition = everything.get_concrete_function().graph.as_graph_def()
    nodes = list(definition.node) + [n for f in definition.library.function for n in f.node_def]
    random = {node.op for node in nodes if "andom" in node.op or "Sample" in node.op}
    assert random and all(op.startswith("Stateless") for op in random), random


@pytest.mark.parametrize("name", FILES)
def test_good_pictures_pass_and_their_size_is_read(name):
    assert image.check_image(FILES[name][0]) is None
    assert image.image_size(FILES[name][0]) == SIZE


def _huge_png() -> bytes:
    """A PNG of a few hundred bytes that declares 100,000 x 100,000 pixels, with right checksums."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b""))
    )


BAD = {
    "empty": (b"", "empty"),
    "text": (
        b"hello, I am not a picture",
        "not a PNG, JPEG, GIF or BMP: 25 bytes that begin with b'hello",
    ),
    "bomb": (_huge_png(), "declares 100000 x 100000 pixels, more than"),
    "cut png": (FILES["png colour"][0][:-100], "truncated PNG"),
    "cut jpeg": (FILES["jpeg colour"][0][:-200], "cannot be decoded"),
    "cut bmp": (FILES["bmp colour"][0][:-200], "cannot be decoded"),
    "cut gif": (FILES["gif"][0][:40], "cannot be decoded"),
    "header only": (FILES["png colour"][0][:12], "not a PNG"),
    "no frame": (b"\xff\xd8\xff\xe0\x00\x10" + bytes(14), "not a PNG"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_are_refused_with_a_reason(name):
    encoded, words = BAD[name]
    assert words in str(image.check_image(encoded))


def test_a_flipped_byte_in_a_png_is_found():
    encoded = bytearray(FILES["png colour"][0])
    encoded[len(encoded) // 2] ^= 0x10
    assert "cannot be decoded" in str(image.check_image(bytes(encoded)))
