"""Abuses of the safetensors format are refused; a valid file keeps every bit."""

from __future__ import annotations

import json
import struct
import tracemalloc

import ml_dtypes
import numpy as np
import pytest

from perceiver_keras.convert.safetensors_file import load_safetensors, save_safetensors
from perceiver_keras.errors import PerceiverError

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def _file(header, data: bytes = b"\0" * 8, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _with(**changes):
    return _file({"a": F32 | changes})


ATTACKS = {
    "empty": b"",
    "header_of_a_terabyte": _file({"a": F32}, length=1 << 40),
    "header_longer_than_the_file": _file({"a": F32}, length=500),
    "header_beyond_the_limit": struct.pack("<Q", 100_000_001) + b"{" * 64,
    "header_larger_than_its_tensors": _file(b"[" * (2 << 20)),
    "deep_header": _file(b"[" * 100_000 + b"]" * 100_000),
    "header_not_utf_8": _file(b'{"\xff": 1}'),
    "header_not_json": _file(b"{"),
    "header_a_list": _file([]),
    "huge_number": _file(b'{"a": ' + b"9" * 100_000 + b"}"),
    "same_name_twice": _file(
        b'{"a": ' + json.dumps(F32).encode() + b', "a": ' + json.dumps(F32).encode() + b"}"
    ),
    "offsets_beyond_the_file": _with(shape=[4], data_offsets=[0, 16]),
    "offsets_backwards": _with(data_offsets=[8, 0]),
    "negative_offset": _with(data_offsets=[-8, 0]),
    "offsets_of_text": _with(data_offsets=["0", "8"]),
    "offset_true": _with(data_offsets=[False, 8]),
    "three_offsets": _with(data_offsets=[0, 4, 8]),
    "shape_does_not_match": _with(shape=[3]),
    "shape_overflows": _with(shape=[1 << 40, 1 << 40]),
    "shape_negative": _with(shape=[-2]),
    "unknown_dtype": _with(dtype="F31"),
    "dtype_list": _with(dtype=[]),
    "dtype_object": _with(dtype={}),
    "field_missing": _file({"a": {"dtype": "F32", "shape": [2]}}),
    "field_too_many": _with(code="import os"),
    "overlap": _file({"a": F32, "b": F32}),
    "hole": _file({"a": F32 | {"data_offsets": [4, 12]}}, b"\0" * 12),
    "bytes_after_the_tensors": _file({"a": F32}, b"\0" * 8 + b"PK\x03\x04"),
    "metadata_not_text": _file({"__metadata__": {"a": 1}, "a": F32}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused(name, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(ATTACKS[name])
    tracemalloc.start()
    try:
        with pytest.raises(PerceiverError, match="model.safetensors: not a valid safetensors file"):
            load_safetensors(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(ATTACKS[name]) + (16 << 20)


def test_written_and_read_bit_for_bit(tmp_path):
    tensors = {
        "a.weight": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32).T,
        "b": np.array(7, np.int64),
        "half": np.float16([1, 2]),
        "brain": np.array([1, 2], ml_dtypes.bfloat16),
    }
    save_safetensors(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    read = load_safetensors(tmp_path / "model.safetensors")
    assert read.keys() == tensors.keys()
    for name, array in tensors.items():
        assert read[name].shape == array.shape and read[name].dtype == array.dtype
        assert read[name].tobytes() == array.tobytes(), name
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
