"""Encoded pictures: decoded as PIL does; the check and the decoder agree on every file."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from perceiver_keras.data import image, image_file
from tests.data.picture_samples import (
    COLOUR,
    FILES,
    SIZE,
    decoded,
    encoded,
    exif,
    segment,
    smooth,
    with_segments,
)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("channels", [1, 3])
def test_decodes_as_pil_does(name, channels):
    content, tolerance = FILES[name]
    found = decoded(content, channels)
    assert found.dtype == np.uint8 and found.shape == (*SIZE, channels)
    rgb = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.int32)
    grey = np.rint(rgb @ np.array([0.299, 0.587, 0.114]))[..., None]
    expected = rgb if channels == 3 else grey
    np.testing.assert_allclose(found, expected, atol=tolerance + (channels == 1))


def test_grey_stays_exactly_grey():
    content = encoded(np.arange(256, dtype=np.uint8).reshape(16, 16), "L", "PNG")
    for channels in (1, 3):
        found = decoded(content, channels)
        np.testing.assert_array_equal(found[..., 0].ravel(), np.arange(256))


def test_sixteen_bits_keep_their_upper_eight():
    values = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    found = image.decode_image(buffer.getvalue(), 1).numpy()  # eagerly
    np.testing.assert_array_equal(found.ravel(), np.arange(256))


def test_an_animation_gives_its_first_frame():
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    found = decoded(buffer.getvalue())
    assert found.shape == (8, 8, 3)
    np.testing.assert_array_equal(found, np.full((8, 8, 3), 10))


def test_works_in_a_graph_of_strings():
    """As the served graph calls it: a batch of bytes of different formats through map_fn."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(content):
        return tf.map_fn(
            lambda one: image.central_crop(image.decode_image(one, 3), 16),
            content,
            fn_output_signature=tf.TensorSpec([16, 16, 3], tf.float32),
        )

    batch = serve(tf.constant([FILES[name][0] for name in FILES]))
    assert batch.shape == (len(FILES), 16, 16, 3)


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
    "cut jpeg": (FILES["jpeg colour"][0][:-200], "truncated JPEG: its end is missing"),
    "cut bmp": (FILES["bmp colour"][0][:-200], "truncated BMP: pixels are missing"),
    "cut gif": (FILES["gif"][0][:40], "truncated GIF: the end of its first picture is missing"),
    "header only": (FILES["png colour"][0][:12], "truncated PNG: its end is missing"),
    "no frame": (b"\xff\xd8\xff\xe0\x00\x10" + bytes(14), "truncated JPEG"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_are_refused_with_a_reason(name):
    content, words = BAD[name]
    assert words in str(image.check_image(content))


def test_a_flipped_byte_in_a_png_is_found():
    content = bytearray(FILES["png colour"][0])
    content[len(content) // 2] ^= 0x10
    assert "cannot be decoded" in str(image.check_image(bytes(content)))


# === The check and the decoder agree ===


def _decodes(content: bytes) -> bool:
    try:
        pixels = decoded(content)
    except tf.errors.InvalidArgumentError:
        with pytest.raises(tf.errors.InvalidArgumentError):
            image_file.decode_as_stored(content)
        return False
    assert tuple(pixels.shape[:2]) == image.image_size(content)
    as_stored = image_file.decode_as_stored(content)
    np.testing.assert_array_equal(image_file.with_channels(tf.constant(as_stored), 3), pixels)
    return True


def _jpeg(mode: str = "RGB", **options) -> bytes:
    return encoded(np.asarray(Image.fromarray(COLOUR).convert(mode)), mode, "JPEG", **options)


_MORE = {
    "jpeg progressive": _jpeg(progressive=True),
    "jpeg cmyk": _jpeg("CMYK"),
    "jpeg turned": with_segments(_jpeg(), segment(exif(6))),
    "bmp palette": encoded(smooth(1), "L", "BMP"),
    "bmp one bit": encoded(smooth(1) > 128, "1", "BMP"),
}
_ALL = [content for content, _ in FILES.values()] + list(_MORE.values())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_file_passes_the_check_if_and_only_if_it_decodes(data):
    content = bytearray(data.draw(st.sampled_from(_ALL)))
    # Mostly in the header, where a byte changes what all others mean.
    place = st.integers(0, len(content) - 1) | st.integers(0, min(64, len(content) - 1))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(place)] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    content = bytes(content) + data.draw(st.binary(max_size=20))
    assert (image.check_image(content) is None) == _decodes(content)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_tensorflow_decodes_is_accepted(data):
    """But for BMP, which is decoded here."""
    files = [content for content in _ALL if not content.startswith(b"BM")]
    content = bytearray(data.draw(st.sampled_from(files)))
    for _ in range(data.draw(st.integers(0, 2))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content) + data.draw(st.binary(max_size=20))
    rows, columns = image.image_size(content) or (0, 0)
    if rows * columns > 1 << 22 or content.startswith(b"BM"):
        return  # `decode_image` refuses before it takes the memory
    try:
        tf.io.decode_image(content, expand_animations=False)
    except tf.errors.InvalidArgumentError:
        return
    assert image.check_image(content) is None


@pytest.mark.parametrize("name", [name for name in FILES if "bmp" not in name])
def test_bytes_after_the_end_change_nothing(name):
    content = FILES[name][0]
    longer = content + bytes(500)
    assert image.check_image(longer) is None
    np.testing.assert_array_equal(decoded(longer), decoded(content))


@pytest.mark.parametrize("name", _MORE)
def test_other_kinds_decode_as_pil_does(name):
    from PIL import ImageOps

    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(_MORE[name]))).convert("RGB")
    found = decoded(_MORE[name])
    np.testing.assert_allclose(found, np.asarray(expected, np.int32), atol=12)


def test_the_graph_says_what_the_check_says():
    for content in (b"RIFF\0\0\0\0WEBPVP8 ", FILES["png colour"][0][:-30], b""):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            decoded(content)
        assert f"[{image_file.UNREADABLE}{image.check_image(content)}]" in error.value.message


@pytest.mark.parametrize("name", FILES)
def test_a_picture_keeps_its_channels_and_says_its_format(name):
    content = FILES[name][0]
    want = Image.open(io.BytesIO(content))
    assert image_file.format_of(content) == want.format
    assert image_file.format_of(b"no picture") == ""
    stored = image_file.decode_as_stored(content)
    assert stored.shape[:2] == SIZE
    if want.mode in ("L", "LA", "RGB", "RGBA"):
        assert stored.shape[-1] == len(want.mode)
