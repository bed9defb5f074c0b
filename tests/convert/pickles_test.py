"""Honest pickles come out whole; hostile ones raise an error, run nothing and take little memory."""

from __future__ import annotations

import pickle
import tracemalloc
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from perceiver_keras.convert.pickles import OVERHEAD_BYTES, load_pickle
from perceiver_keras.errors import PerceiverError
from tests.convert import attacks
from tests.convert.trees import loads_pickle

DATA = Path(__file__).parent / "data"
PICKLES = attacks.pickles()
ARRAYS = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "float16": np.float16([1.5, -2.0]),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big_endian": np.arange(5, dtype=">f4"),
    "scalar": np.array(7, np.int32),
    "numpy_scalar": np.float32(0.1),
    "empty": np.zeros((0, 3), np.float32),
    "bool": np.array([True, False]),
    "long": np.random.default_rng(0).standard_normal(50_000).astype(np.float32),
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_come_back_bit_for_bit(protocol):
    tree = {"params": {"encoder/~/linear": ARRAYS}, "state": OrderedDict(a=ARRAYS["float32"])}
    read = loads_pickle(pickle.dumps(tree, protocol))
    for name, array in ARRAYS.items():
        got = read["params"]["encoder/~/linear"][name]
        assert got.dtype == array.dtype and got.shape == array.shape, name
        assert got.tobytes() == array.tobytes(), name
    assert read["state"]["a"].tobytes() == ARRAYS["float32"].tobytes()


def test_a_pickle_that_jax_and_haiku_wrote():
    read = load_pickle(DATA / "jax_0_10_haiku_0_0_17.pickle")
    np.testing.assert_array_equal(read["linear"]["w"], ARRAYS["float32"])
    assert read["linear"]["counter"] == 3 and read["linear"]["counter"].dtype == np.int32


@pytest.mark.parametrize("name", PICKLES)
def test_attack_is_refused(name, tmp_path, monkeypatch):
    data = PICKLES[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.pickle").write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(PerceiverError, match="weights.pickle: ") as caught:
            load_pickle("weights.pickle")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not (tmp_path / attacks.MARKER).exists()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert peak < 2 * len(data) + 2 * OVERHEAD_BYTES


def test_the_message_names_what_was_asked_for():
    with pytest.raises(PerceiverError, match="asks for 'posix', 'system'.*Nothing in the file was"):
        loads_pickle(attacks.pickles()["os_system"])


def test_a_large_file_costs_its_own_size_once(tmp_path):
    array = np.ones(5_000_000, np.float32)
    path = tmp_path / "large.pickle"
    for protocol, factor in ((4, 1.1), (2, 1.95)):  # protocol 2 spells bytes as text
        path.write_bytes(pickle.dumps({"a": {"w": array}}, protocol))
        tracemalloc.start()
        load_pickle(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < factor * path.stat().st_size
