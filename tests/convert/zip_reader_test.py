"""Archives that Python's zipfile writes are read alike; any that two programs could read differently are not."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.convert.zip_reader import StoredZip
from perceiver_keras.errors import PerceiverError
from tests.convert import attacks

NAMES = st.lists(st.text("ab.é_0", min_size=1, max_size=5), min_size=1, max_size=3).map("/".join)
PLAIN = NAMES.filter(lambda name: ".." not in name.split("/"))


class Pipe(io.BytesIO):
    """A file that can't seek: zipfile then writes the sizes after the data."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise OSError

    def tell(self) -> int:
        raise OSError


def written(entries: dict[str, bytes], *, wide: bool = False, pipe: bool = False) -> bytes:
    file = Pipe() if pipe else io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
        for name, data in entries.items():
            with target.open(name, "w", force_zip64=wide) as entry:
                entry.write(data)
    return file.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    archive = StoredZip(io.BytesIO(data), "weights.bin")
    return {name: archive.read(name) for name in archive.entries}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(PLAIN, st.binary(max_size=200)), st.booleans(), st.booleans())
def test_what_zipfile_writes_is_read(entries, wide, pipe):
    assert read(written(entries, wide=wide, pipe=pipe)) == entries


def test_the_64_bit_end_record_is_read(monkeypatch):
    """zipfile writes it once an archive has too many entries for the old one."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    data = written({"a": b"1", "b": b"22"})
    assert b"PK\x06\x06" in data
    assert read(data) == {"a": b"1", "b": b"22"}
    at = data.index(b"PK\x06\x06")
    with pytest.raises(PerceiverError, match="64-bit end record is broken"):
        read(data[: at + 4] + b"\0" + data[at + 5 :])


ENTRIES = {"model/data.pkl": b"weights", "model/data/0": bytes(range(40))}


def test_64_bit_sizes_are_read(monkeypatch):
    """zipfile writes them once an entry is too large for the old fields."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 30)
    entries = ENTRIES | {"model/small": b"1"}
    data = written(entries, wide=True)
    assert b"\xff\xff\xff\xff" in data[data.index(b"PK\x01\x02") :]
    assert read(data) == entries


@pytest.mark.parametrize("pipe", [False, True])
def test_one_changed_byte_is_refused_or_changes_nothing(pipe):
    """Times, versions and attributes may change; names, sizes and contents may not."""
    data = written(ENTRIES, pipe=pipe)
    refused = 0
    for at in range(len(data)):
        for flip in (1, 8, 0x80, 0xFF):
            changed = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            try:
                assert read(changed) == ENTRIES, (at, flip)
            except PerceiverError as error:
                assert str(error).startswith("weights.bin: not a valid ZIP archive of weights: ")
                refused += 1
    assert refused > 2 * len(data)


def test_an_entrys_own_header_must_agree_with_the_directory():
    data = written(ENTRIES)
    second = data.index(b"PK\x03\x04", 4)
    # Magic, flags, method, checksum, unpacked size, length of the name, name.
    places = [*range(4), *range(6, 10), *range(14, 18), *range(22, 28), *range(30, 42)]
    for at in places:
        changed = data[: second + at] + bytes([data[second + at] ^ 1]) + data[second + at + 1 :]
        with pytest.raises(PerceiverError):
            read(changed)


def test_a_cut_or_lengthened_archive_is_refused():
    data = written(ENTRIES)
    for length in range(len(data)):
        with pytest.raises(PerceiverError):
            read(data[:length])
    for longer in (data + b"\0", b"\0" + data, data + data):
        with pytest.raises(PerceiverError):
            read(longer)


def test_compressed_entries_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a", b"a" * 1000)
    with pytest.raises(PerceiverError, match="'a' is compressed or encrypted"):
        read(file.getvalue())


@pytest.mark.parametrize("name", ["../a", "a/../b", "/a", "a//b", "a\\b", "a/"])
def test_names_that_could_leave_the_folder_are_refused(name):
    with pytest.raises(PerceiverError, match="an unsafe name"):
        read(attacks.zip_of([(name, b"", {})]))


def test_a_missing_entry_is_named():
    with pytest.raises(PerceiverError, match="entry 'b' is missing"):
        StoredZip(io.BytesIO(written({"a": b""})), "weights.bin").read("b")
