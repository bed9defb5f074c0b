"""Honest pickles come out whole; hostile ones raise, run nothing and stay small."""

from __future__ import annotations

import pickle
import tracemalloc
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from perceiver_keras.convert.pickles import OVERHEAD_BYTES, load_pickle, loads_pickle
from perceiver_keras.convert.stand_ins import NUMPY_AND_JAX
from perceiver_keras.errors import PerceiverError
from tests.convert import attacks

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


def test_names_of_numpy_2_are_known():
    data = pickle.dumps(ARRAYS["float32"], 4)
    old = b"\x8c\x15numpy.core.multiarray"
    assert old in data
    # The frame's length grows by the underscore.
    start = data.index(old)
    newer = data[:start] + b"\x8c\x16numpy._core.multiarray" + data[start + len(old) :]
    newer = (
        newer[:3] + (int.from_bytes(data[3:11], "little") + 1).to_bytes(8, "little") + newer[11:]
    )
    np.testing.assert_array_equal(loads_pickle(newer), ARRAYS["float32"])


class _Like:
    """Pickles as something of another package does: by a name that need not be importable."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments


def _dump(value) -> bytes:
    """A pickle in which each `_Like` became a call of the name that it bears."""

    class Pickler(pickle._Pickler):
        # Beam imports dill, which puts its own ways of saving into Python's pickler.
        dispatch = {
            **{k: v for k, v in pickle._Pickler.dispatch.items() if v.__module__ == "pickle"},
            dict: pickle._Pickler.save_dict,
            type: pickle._Pickler.save_type,
            types.FunctionType: pickle._Pickler.save_global,
        }

        def save(self, obj, save_persistent_id=True):
            if not isinstance(obj, _Like):
                return super().save(obj, save_persistent_id)
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            super().save(obj.arguments)
            return self.write(pickle.REDUCE)

    import io

    out = io.BytesIO()
    Pickler(out, 3).dump(value)
    return out.getvalue()


@pytest.mark.parametrize(
    "module, name",
    [
        ("jax._src.array", "_reconstruct_array"),
        ("jax._src.device_array", "reconstruct_device_array"),
    ],
)
def test_jax_arrays_become_numpy_arrays(module, name):
    function, arguments, state = ARRAYS["float32"].__reduce__()
    aval = {"weak_type": False, "named_shape": {}}
    tree = {"linear": {"w": _Like(module, name, function, arguments, state, aval)}}
    np.testing.assert_array_equal(loads_pickle(_dump(tree))["linear"]["w"], ARRAYS["float32"])


@pytest.mark.parametrize("name", ["FlatMapping", "FlatMap", "frozendict"])
def test_haiku_mappings_become_dictionaries(name):
    inner = _Like("haiku._src.data_structures", name, {"w": ARRAYS["float32"]})
    outer = _Like("haiku._src.data_structures", name, {"linear": inner})
    assert loads_pickle(_dump(outer)) == {"linear": {"w": pytest.approx(ARRAYS["float32"])}}


def test_a_pickle_that_jax_and_haiku_wrote():
    read = load_pickle(DATA / "jax_0_10_haiku_0_0_17.pickle")
    np.testing.assert_array_equal(read["linear"]["w"], ARRAYS["float32"])
    assert read["linear"]["counter"] == 3 and read["linear"]["counter"].dtype == np.int32


def test_every_listed_name_is_a_function_of_ours():
    for pair, function in NUMPY_AND_JAX.items():
        assert function.__module__ == "perceiver_keras.convert.stand_ins", pair


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
