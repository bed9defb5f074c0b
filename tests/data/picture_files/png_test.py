"""PNG: its end, wherever it is, and sizes that its bytes can't hold."""

from __future__ import annotations

import struct
import zlib

import pytest

from perceiver_keras.data.picture_files import png
from tests.data.picture_samples import FILES, SIZE

PLAIN = FILES["png colour"][0]


def test_the_end_may_be_followed_by_anything_but_must_be_there():
    for more in (b"", bytes(500), b"IEND", bytes(8) + b"IEND" + bytes(4), PLAIN):
        assert png.problem(PLAIN + more) == b""
        assert tuple(png.size(PLAIN + more)) == SIZE
    for cut in (1, 4, 9, 12, 13, 300, len(PLAIN) - 8):
        assert b"truncated PNG" in png.problem(PLAIN[:-cut]).numpy()
    # Its name within the pixels' part is not the end.
    assert b"truncated PNG" in png.problem(PLAIN[:-12].replace(PLAIN[60:64], b"IEND")).numpy()


@pytest.mark.parametrize(
    "rows, columns, said",
    [
        (0, 5, b"declares 0 x 5 pixels"),
        (100_000, 100_000, b"more than the"),
        (2**31 - 1, 2**31 - 1, b"more than the"),
        (8_000, 8_000, b"more pixels than its bytes can hold"),
    ],
)
def test_false_sizes_are_refused_before_they_cost_memory(rows, columns, said):
    header = b"IHDR" + struct.pack(">II", columns, rows) + PLAIN[24:29]
    content = PLAIN[:12] + header + struct.pack(">I", zlib.crc32(header)) + PLAIN[33:]
    assert said in png.problem(content).numpy()
