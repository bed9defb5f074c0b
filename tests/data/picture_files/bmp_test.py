"""BMP of all kinds against PIL, or against the pixels they were written from."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.data import image
from tests.data.picture_samples import COLOUR, SIZE, decoded, encoded, smooth

ROWS, COLUMNS = SIZE
PALETTE = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)


def bmp(
    rows: list[bytes],
    bits: int,
    palette: bytes = b"",
    compression: int = 0,
    from_top: bool = False,
    core: bool = False,
    extra: bytes = b"",
    header: int = 40,
) -> bytes:
    """A file by the format's text, from packed rows, first row on top."""
    rows = [row + bytes(-len(row) % 4) for row in rows]
    body = b"".join(rows if from_top else rows[::-1])
    height = -ROWS if from_top else ROWS
    if core:
        head = struct.pack("<IHHHH", 12, COLUMNS, ROWS, 1, bits)
    else:
        used = len(palette) // 4
        head = struct.pack(
            "<IiiHHIIiiII", header, COLUMNS, height, 1, bits, compression, 0, 0, 0, used, 0
        )
        head += bytes(header - 40)
    begin = 14 + len(head) + len(extra) + len(palette)
    return (
        struct.pack("<2sIHHI", b"BM", begin + len(body), 0, 0, begin)
        + head
        + extra
        + palette
        + body
    )


def packed(indices: np.ndarray, bits: int) -> list[bytes]:
    """The first pixel in the highest bits."""
    each = 8 // bits
    wide = np.pad(indices, [(0, 0), (0, -indices.shape[1] % each)]).reshape(len(indices), -1, each)
    shifts = np.arange(each)[::-1] * bits
    return [row.tobytes() for row in (wide.astype(int) << shifts).sum(-1).astype(np.uint8)]


def bgrx(colours: np.ndarray) -> bytes:
    return np.pad(colours[:, ::-1], [(0, 0), (0, 1)]).astype(np.uint8).tobytes()


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize(
    "kind", ["windows", "few colours", "from the top", "OS/2", "OS/2 version 2"]
)
def test_palettes(bits, kind):
    count = 2**bits if kind != "few colours" else max(2**bits - 3, 2)
    indices = np.random.default_rng(bits).integers(0, count, SIZE)
    colours = PALETTE[:count]
    if kind == "OS/2":
        content = bmp(packed(indices, bits), bits, colours[:, ::-1].tobytes(), core=True)
    else:
        size = 64 if kind == "OS/2 version 2" else 40
        content = bmp(
            packed(indices, bits), bits, bgrx(colours), from_top=kind == "from the top", header=size
        )
    for longer in (content, content + bytes(2)):
        assert image.check_image(longer) is None and image.image_size(longer) == SIZE
        np.testing.assert_array_equal(decoded(longer), colours[indices])
    if kind != "OS/2 version 2":  # PIL wants its palette elsewhere
        by_pil = Image.open(io.BytesIO(content)).convert("RGB")
        np.testing.assert_array_equal(by_pil, colours[indices])


@pytest.mark.parametrize(
    "bits, compression, masks",
    [
        (16, 0, (0x7C00, 0x3E0, 0x1F)),
        (16, 3, (0x7C00, 0x3E0, 0x1F)),
        (16, 3, (0xF800, 0x7E0, 0x1F)),
        (32, 0, (0xFF0000, 0xFF00, 0xFF)),
        (32, 3, (0xFF0000, 0xFF00, 0xFF)),
        (32, 3, (0xFF000000, 0xFF0000, 0xFF00)),
        (32, 3, (0x3FF00000, 0xFFC00, 0x3FF)),
    ],
)
def test_colours_at_given_bits(bits, compression, masks):
    kind = np.uint16 if bits == 16 else np.uint32
    pixels = np.random.default_rng(1).integers(0, 2**bits, SIZE).astype(kind)
    extra = struct.pack("<3I", *masks) if compression else b""
    content = bmp([row.tobytes() for row in pixels], bits, compression=compression, extra=extra)
    expected = [(pixels.astype(np.int64) & mask) * 255 // mask for mask in masks]
    assert image.check_image(content) is None
    found = decoded(content)
    np.testing.assert_array_equal(found, np.stack(expected, -1))
    if masks[0] != 0x3FF00000:  # PIL does not know it
        by_pil = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), int)
        assert np.abs(by_pil - found).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("more", [0, 2])
def test_what_pil_writes(mode, more):
    picture = (
        Image.fromarray(smooth(4)) if mode == "RGBA" else Image.fromarray(COLOUR).convert(mode)
    )
    buffer = io.BytesIO()
    picture.save(buffer, "BMP")
    content = buffer.getvalue() + bytes(more)
    expected = Image.open(io.BytesIO(content)).convert("RGB")
    np.testing.assert_array_equal(decoded(content), np.asarray(expected))
    assert image.check_image(content) is None


PLAIN = encoded(COLOUR, "RGB", "BMP")


def _with(place: int, kind: str, *values: int) -> bytes:
    content = bytearray(PLAIN)
    struct.pack_into("<" + kind, content, place, *values)
    return bytes(content)


@pytest.mark.parametrize(
    "content, said",
    [
        (_with(30, "I", 1), "an RLE-compressed BMP; save it as PNG"),
        (_with(30, "I", 2), "an RLE-compressed BMP; save it as PNG"),
        (_with(30, "I", 4), "a BMP that holds a JPEG; save it as JPEG or PNG"),
        (_with(30, "I", 5), "a BMP that holds a PNG; save it as PNG"),
        (_with(30, "I", 9), "a BMP with compression 9; save it as PNG"),
        (_with(28, "H", 2), "a BMP with 2 bits per pixel; save it as PNG"),
        (_with(14, "I", 13), "damaged BMP: its header has an unknown size"),
        (_with(10, "I", 20), "damaged BMP: its pixels begin within its header"),
        (_with(10, "I", 5000), "truncated BMP: pixels are missing"),
        (_with(18, "i", -3), "declares 37 x -3 pixels"),
        (
            _with(22, "i", 2**31 - 1),
            "declares 2147483647 x 23 pixels, more than the 67108864 allowed",
        ),
        (PLAIN[:-20], "truncated BMP: pixels are missing"),
        (PLAIN[:20], "truncated BMP: its header is missing"),
    ],
)
def test_refused_with_the_true_reason(content, said):
    assert image.check_image(content) == said
