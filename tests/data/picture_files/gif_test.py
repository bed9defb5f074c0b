"""GIF: the first picture alone, on its canvas, whatever follows it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.data import image
from perceiver_keras.data.picture_files import gif
from tests.data.picture_samples import COLOUR, FILES, SIZE, decoded

PLAIN = FILES["gif"][0]


def _animation() -> bytes:
    frames = [Image.fromarray(pixels).quantize(16) for pixels in (COLOUR, COLOUR[::-1])]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], loop=0, comment=b"c" * 700
    )
    return buffer.getvalue()


def test_the_first_picture_whatever_becomes_of_the_others():
    content = _animation()
    expected = Image.open(io.BytesIO(content)).convert("RGB")
    for cut in (0, 1, 2, 50, 150):
        found = decoded(content[: len(content) - cut])
        np.testing.assert_array_equal(found, np.asarray(expected))
    assert "truncated GIF" in image.check_image(content[: len(content) // 2 - 100])


def test_later_pictures_that_declare_gigabytes_cost_nothing():
    huge = b"\x2c" + struct.pack("<4HB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x4c\x01\x00"
    content = PLAIN[:-1] + huge * 50 + b";"
    assert image.check_image(content) is None
    np.testing.assert_array_equal(decoded(content), decoded(PLAIN))


def test_a_picture_smaller_than_the_canvas_lies_where_it_belongs():
    content = bytearray(PLAIN)
    at = int(gif._first_picture(PLAIN))
    content[6:10] = struct.pack("<2H", 40, 50)
    content[at + 1 : at + 5] = struct.pack("<2H", 3, 5)
    found = decoded(bytes(content))
    assert found.shape == (50, 40, 3) and image.image_size(bytes(content)) == (50, 40)
    inside = found[5 : 5 + SIZE[0], 3 : 3 + SIZE[1]]
    np.testing.assert_array_equal(inside, decoded(PLAIN))
    assert found.sum() == inside.sum()


def _transparent(local: bool, interlaced: bool, animated: bool) -> bytes:
    """Whose first picture has transparent pixels, the commonest colour, and its colours in its own table or not."""
    first, second = (Image.fromarray(pixels).quantize(16) for pixels in (COLOUR, COLOUR[::-1]))
    options = {"transparency": 3, "interlace": interlaced, "optimize": False}
    if animated:
        options |= {"save_all": True, "append_images": [second], "disposal": 2}
    buffer = io.BytesIO()
    first.save(buffer, "GIF", **options)
    content = buffer.getvalue()
    if local:
        at, table = int(gif._first_picture(content)), 3 << (1 + content[10] % 8)
        flags = bytes((content[at + 9] | 0x80 | content[10] % 8,))
        own = content[at : at + 9] + flags + content[13 : 13 + table]
        other = content[13 : 13 + table][::-1]
        content = content[:13] + other + content[13 + table : at] + own + content[at + 10 :]
    return content


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("animated", [False, True])
def test_transparent_pixels_have_their_colour_in_the_table(local, interlaced, animated):
    content = _transparent(local, interlaced, animated)
    picture = Image.open(io.BytesIO(content))
    assert picture.info["transparency"] == 3 and (np.asarray(picture) == 3).any()
    np.testing.assert_array_equal(decoded(content), np.asarray(picture.convert("RGB")))


def test_a_transparent_picture_on_a_larger_canvas_has_its_colours_too():
    content = bytearray(_transparent(local=False, interlaced=False, animated=False))
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    at = int(gif._first_picture(bytes(content)))
    content[6:10] = struct.pack("<2H", 40, 50)
    content[at + 1 : at + 5] = struct.pack("<2H", 3, 5)
    np.testing.assert_array_equal(
        decoded(bytes(content))[5 : 5 + SIZE[0], 3 : 3 + SIZE[1]], expected
    )


@pytest.mark.parametrize("length", [1, 7, 255])
def test_blocks_of_any_length_are_stepped_over(length):
    chain = (bytes((length,)) + b"x" * length) * 9 + b"\x03abc" + b"\0"
    assert gif._blocks_end(b"12" + chain, 2) == 2 + len(chain) - 1
    assert gif._blocks_end(b"12" + chain[:-1], 2) >= 2 + len(chain) - 1


def test_without_a_picture():
    content = PLAIN[: int(gif._first_picture(PLAIN))] + b";" + bytes(50)
    assert image.check_image(content) == "damaged GIF: it has no picture"
