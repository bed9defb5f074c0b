"""A file of twenty records, to be damaged by tests."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

CONTENT = [b"record %d " % i * 5 for i in range(20)]
FRAME = 16  # bytes that TFRecord adds to a record


def write(path: Path) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in CONTENT:
            writer.write(record)
    return str(path)


def begins(number: int) -> int:
    """Where a record begins, in bytes."""
    return sum(len(record) + FRAME for record in CONTENT[:number])


def flip(path: str, place: int) -> None:
    """Changes one bit of the byte at `place`."""
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))
