"""PyTorch's `.bin` without PyTorch: tensors come out as PyTorch would read them; hostile files are refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from perceiver_keras.convert.pickles import OVERHEAD_BYTES
from perceiver_keras.convert.torch_bin import load_torch_bin
from perceiver_keras.errors import PerceiverError
from tests.convert import attacks

BINS = attacks.torch_bins()
FLOATS = np.arange(8, dtype="<f4")


def _load(tmp_path, data: bytes):
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(data)
    return load_torch_bin(path)


def test_a_strided_view_of_a_storage(tmp_path):
    state = attacks.state_dict(
        w=attacks.tensor("0", 8, 1, (2, 3), (3, 1)),
        transposed=attacks.tensor("0", 8, 0, (2, 4), (1, 2)),
        scalar=attacks.tensor("0", 8, 7, (), ()),
    )
    read = _load(tmp_path, attacks.torch_bin(state))
    np.testing.assert_array_equal(read["w"], FLOATS[1:7].reshape(2, 3))
    np.testing.assert_array_equal(read["transposed"], FLOATS.reshape(4, 2).T)
    assert read["scalar"] == 7 and read["scalar"].shape == ()


@pytest.mark.parametrize(
    "kind, dtype",
    [
        ("DoubleStorage", "<f8"),
        ("HalfStorage", "<f2"),
        ("BFloat16Storage", ml_dtypes.bfloat16),
        ("LongStorage", "<i8"),
        ("ByteStorage", "u1"),
        ("BoolStorage", "?"),
    ],
)
def test_every_storage_type_keeps_its_bits(kind, dtype, tmp_path):
    numbers = np.array([0, 1, 1, 0], dtype)
    tree = attacks.state_dict(w=attacks.tensor("0", 4, 0, (4,), (1,), kind=kind))
    entries = {"data.pkl": tree, "data/0": numbers.tobytes(), "version": b"3\n"}
    read = _load(tmp_path, attacks.archive(entries, root="pytorch_model"))["w"]
    assert read.dtype == numbers.dtype and read.tobytes() == numbers.tobytes()


def test_what_the_state_dict_carries_besides_tensors_is_left_out(tmp_path):
    """`state_dict()` is an OrderedDict with a `_metadata` attribute, set by BUILD."""
    metadata = b"}" + attacks.text("_metadata") + b"}s"
    tree = attacks.state_dict(w=attacks.tensor("0", 8, 0, (8,), (1,)))[:-1] + metadata + b"b."
    assert list(_load(tmp_path, attacks.torch_bin(tree))) == ["w"]


def test_a_file_that_pytorch_wrote():
    read = load_torch_bin(Path(__file__).parent / "data" / "torch_2_13.bin")
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(read["dense.weight"], weight)
    np.testing.assert_array_equal(read["transposed"], weight.T)
    np.testing.assert_array_equal(read["parameter"], np.float32([7, 8]))
    np.testing.assert_array_equal(read["norm.running_var"], np.float32([1, 1]))
    assert read["norm.num_batches_tracked"].dtype == np.int64
    np.testing.assert_array_equal(read["bfloat16"].astype(np.float32), np.float32([1, -2]))


@pytest.mark.parametrize("name", BINS)
def test_attack_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(PerceiverError, match="pytorch_model.bin: "):
            _load(tmp_path, BINS[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert list(tmp_path.iterdir()) == [tmp_path / "pytorch_model.bin"]  # nothing was unpacked
    assert peak < 2 * len(BINS[name]) + 2 * OVERHEAD_BYTES
