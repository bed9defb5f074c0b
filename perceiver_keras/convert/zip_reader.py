"""Reads a ZIP archive strictly and in place: nothing is unpacked to disk, nothing is decompressed.

PyTorch's `.bin` files are archives of uncompressed entries, so this reader accepts nothing else.
Anything that could make two programs see different archives in one file is an error: bytes before the
first entry or after the end record, a comment, overlapping entries, a name that occurs twice or differs
between an entry's own header and the directory, sizes that don't match, a wrong CRC.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from perceiver_keras.errors import PerceiverError

LARGEST_DIRECTORY = 16 << 20
_MAX_ENTRIES = 1 << 16
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ALLOWED_FLAGS = 0x0808  # sizes after the data; name in UTF-8
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True)
class Entry:
    name: str
    crc: int
    size: int  # bytes, stored = unpacked
    header: int  # offset of its local header
    sizes_follow: bool


class StoredZip:
    """The entries of an uncompressed archive, each checked when it is read."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        self.file, self.source = file, source
        self.size = file.seek(0, os.SEEK_END)
        try:
            self.entries = self._read_directory()
            self._offsets = {entry.name: self._data_offset(entry) for entry in self._by_place()}
            self._check_overlap()
        except (struct.error, UnicodeDecodeError, OverflowError, OSError) as error:
            raise self._error(f"its directory is broken ({error})") from None

    def read(self, name: str) -> bytes:
        """The bytes of one entry; raises `PerceiverError` if its CRC is wrong."""
        if name not in self.entries:
            raise self._error(f"entry {name!r} is missing")
        entry = self.entries[name]
        data = self._bytes(self._offsets[name], entry.size)
        if zlib.crc32(data) != entry.crc:
            raise self._error(f"entry {name!r} has a wrong checksum (CRC)")
        return data

    # --- the directory, from the end of the file

    def _read_directory(self) -> dict[str, Entry]:
        at = self.size - _END.size
        end = _END.unpack(self._bytes(at, _END.size))
        if end[0] != b"PK\x05\x06" or end[7]:
            raise self._error("it does not end with an archive's end record (cut off?)")
        disk, directory_disk, here, count, size, start = end[1:7]
        if disk or directory_disk or here != count:
            raise self._error("it is one part of a multi-part archive")
        at, end64 = self._read_end64(at)
        if end64:
            disk, directory_disk, here, total, total_size, total_start = end64[4:]
            pairs = ((count, total), (size, total_size), (start, total_start))
            full = (_FULL16, _FULL32, _FULL32)
            if (disk, directory_disk, here) != (0, 0, total) or any(
                old not in (new, most) for (old, new), most in zip(pairs, full, strict=True)
            ):
                raise self._error("its two end records differ")
            count, size, start = total, total_size, total_start
        if start + size != at or count > _MAX_ENTRIES or size > LARGEST_DIRECTORY:
            raise self._error("its directory isn't where its end record says")
        return self._parse_directory(self._bytes(start, size), count)

    def _read_end64(self, end: int) -> tuple[int, tuple | None]:
        """Where the directory must end, and the 64-bit end record if there is one."""
        at = end - _LOCATOR.size
        if at < 0:
            return end, None
        magic, disk, where, disks = _LOCATOR.unpack(self._bytes(at, _LOCATOR.size))
        if magic != b"PK\x06\x07":
            return end, None
        record = _END64.unpack(self._bytes(where, _END64.size))
        whole = record[0] == b"PK\x06\x06" and record[1] == _END64.size - 12
        if disk or disks > 1 or not whole or where + _END64.size != at:
            raise self._error("its 64-bit end record is broken")
        return where, record

    def _parse_directory(self, data: bytes, count: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        at = 0
        for _ in range(count):
            fields = _CENTRAL.unpack_from(data, at)
            flags, method = fields[3], fields[4]
            crc, packed, size = fields[7:10]
            name_length, extra_length, comment_length, disk = fields[10:14]
            header = fields[16]
            at += _CENTRAL.size
            name = data[at : at + name_length].decode("utf-8")
            extra = data[at + name_length : at + name_length + extra_length]
            at += name_length + extra_length + comment_length
            size, packed, header = self._widen(extra, size, packed, header)
            if fields[0] != b"PK\x01\x02" or at > len(data):
                raise self._error("its directory is cut off")
            if flags & ~_ALLOWED_FLAGS or method or packed != size:
                raise self._error(f"entry {name!r} is compressed or encrypted")
            if name in entries or not _is_plain(name) or disk:
                raise self._error(f"entry {name!r} occurs twice or has an unsafe name")
            entries[name] = Entry(name, crc, size, header, bool(flags & 8))
        if at != len(data):
            raise self._error("its directory is longer than its entries")
        return entries

    def _widen(self, extra: bytes, *values: int) -> list[int]:
        """The sizes and the offset; those whose bits are all ones are replaced from the 64-bit extra field."""
        at, widened = 0, list(values)
        while at + 4 <= len(extra):
            tag, length = struct.unpack_from("<HH", extra, at)
            if tag == 1:
                wide = extra[at + 4 : at + 4 + length]
                for i, value in enumerate(widened):
                    if value == _FULL32:
                        widened[i], wide = struct.unpack_from("<Q", wide)[0], wide[8:]
                break
            at += 4 + length
        return widened

    # --- the entries' own headers

    def _by_place(self) -> list[Entry]:
        return sorted(self.entries.values(), key=lambda entry: entry.header)

    def _data_offset(self, entry: Entry) -> int:
        fields = _LOCAL.unpack(self._bytes(entry.header, _LOCAL.size))
        flags, method, crc, _, size, name_length, extra_length = *fields[2:4], *fields[6:]
        start = entry.header + _LOCAL.size
        name = self._bytes(start, name_length)
        same = fields[0] == b"PK\x03\x04" and name == entry.name.encode("utf-8") and not method
        if not same or bool(flags & 8) != entry.sizes_follow or flags & ~_ALLOWED_FLAGS:
            raise self._error(f"entry {entry.name!r} is described differently in its own header")
        # With the flag set the header may leave both at zero; they then follow the data.
        expected = {(entry.crc, entry.size), (entry.crc, _FULL32)}
        if entry.sizes_follow:
            expected |= {(0, 0), (0, _FULL32)}
        if (crc, size) not in expected:
            raise self._error(f"entry {entry.name!r} has different sizes in its own header")
        return start + name_length + extra_length

    def _check_overlap(self) -> None:
        end = 0
        for entry in self._by_place():
            if entry.header < end or (not end and entry.header):
                raise self._error(f"entry {entry.name!r} overlaps what comes before it")
            end = self._offsets[entry.name] + entry.size
        if end > self.size:
            raise self._error("an entry reaches past the end of the file")

    def _bytes(self, start: int, length: int) -> bytes:
        if start < 0 or length < 0 or start + length > self.size:
            raise self._error(f"bytes {start} to {start + length} are outside the file")
        self.file.seek(start)
        return self.file.read(length)

    def _error(self, what: str) -> PerceiverError:
        return PerceiverError(f"{self.source}: not a valid ZIP archive of weights: {what}.")


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return "\\" not in name and "\0" not in name and "" not in parts and ".." not in parts
