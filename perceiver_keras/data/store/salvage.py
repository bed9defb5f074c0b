"""Reading on after a corrupt record of a TFRecord file: its frame tells where the next record begins.

TensorFlow's reader stops at the first wrong checksum and gives up the rest of the file. A record is framed as length
(uint64), checksum of the length, data, checksum of the data. As long as the length and its checksum are intact, only
that one record is lost.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator

import tensorflow as tf

from perceiver_keras.data.store.records import Shard, read_serialized
from perceiver_keras.errors import PerceiverError

_HEADER, _FOOTER = 12, 4


def salvage(shard: Shard) -> Iterator[tuple[int, bytes, str | None]]:
    """Yields (number within the file, record, None), or (number, b"", reason) if the record's checksum is wrong.

    For uncompressed files, as TFDS writes them. It reads as fast as TensorFlow until it finds an error; then it copies
    the part of the file after the bad record and continues there.

    Raises:
      PerceiverError: the file, which the message names, is cut off, or a length is wrong, so that the records after it
        cannot be found.
    """
    number, end = shard.skip, shard.skip + shard.take
    part = shard
    with tempfile.TemporaryDirectory() as scratch:
        while number < end:
            try:
                for record in read_serialized(part):
                    yield number, record, None
                    number += 1
                return
            except PerceiverError as error:
                offset = _offset(shard.path, number + 1)
                if offset is None:
                    if part is shard:
                        raise
                    raise PerceiverError(
                        f"{shard.path} is corrupt at record {number}, and the records after it "
                        "cannot be found. Restore the file from its source, or remove its folder "
                        "and prepare the data set again."
                    ) from error
                yield number, b"", "the checksum of the record is wrong"
                number += 1
                part = Shard(_tail(shard.path, offset, scratch), 0, end - number)


def _tail(path: str, offset: int, scratch: str) -> str:
    """A copy of the file from `offset` on."""
    copy = os.path.join(scratch, "tail")
    with tf.io.gfile.GFile(path, "rb") as file, open(copy, "wb") as tail:
        file.seek(offset)
        while block := file.read(8 << 20):
            tail.write(block)
    return copy


def _offset(path: str, number: int) -> int | None:
    """Where record `number` begins, from the lengths of the records before it; None if a length is wrong."""
    offset, size = 0, tf.io.gfile.stat(path).length
    with tf.io.gfile.GFile(path, "rb") as file:
        for _ in range(number):
            file.seek(offset)
            header = file.read(_HEADER)
            if len(header) < _HEADER:
                return None
            length, checksum = struct.unpack("<QI", header)
            offset += _HEADER + length + _FOOTER
            if checksum != _masked_crc32c(header[:8]) or offset > size:
                return None
    return offset


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def _masked_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), masked (rotated and offset) as in the TFRecord format."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
