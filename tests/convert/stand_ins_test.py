"""What stands in for the names in a pickle: the same arrays as NumPy's own, and nothing else."""

from __future__ import annotations

import io
import pickle
import re
import types

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from perceiver_keras.convert import stand_ins
from perceiver_keras.convert.stand_ins import NUMPY_AND_JAX, LongText, Refused
from tests.convert.trees import loads_pickle

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)

NUMBERS = st.one_of(
    st_numpy.boolean_dtypes(), st_numpy.integer_dtypes(endianness="?"),
    st_numpy.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st_numpy.arrays(NUMBERS, st_numpy.array_shapes(min_dims=0, min_side=0)),
    st.sampled_from("CF"),
    st.sampled_from((2, 3, 4, 5)),
)
def test_every_array_of_numbers_comes_back_as_numpys_own(array, order, protocol):
    """NumPy itself swaps the bytes to the machine's order; ours keeps the file's."""
    array = np.asarray(array, order=order)
    data = pickle.dumps([array, array], protocol)
    ours, again = loads_pickle(data)
    theirs = pickle.loads(data)[0]
    assert ours.dtype == array.dtype and ours.tobytes() == again.tobytes() == array.tobytes()
    assert ours.shape == theirs.shape and ours.flags.f_contiguous == theirs.flags.f_contiguous
    assert ours.astype(theirs.dtype).tobytes() == theirs.tobytes()


@pytest.mark.parametrize("dtype", ["O", "S3", "U3", "M8[s]", "c8", "f4,i4", "V4"])
def test_arrays_of_anything_else_are_refused(dtype):
    with pytest.raises(Refused, match="weights are plain numbers"):
        stand_ins.PendingDtype(np.dtype(dtype).str[1:])


@pytest.mark.parametrize("shape", [(-1,), (1.0,), [2, 3], (True,), (1 << 40,), (1,) * 17, None])
def test_only_sizes_are_a_shape(shape):
    with pytest.raises(ValueError, match="not a tuple of sizes"):
        stand_ins.check_shape(shape)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 1500))
@example(b"a" + b"\xff" * 70_000, 1)  # its first piece ends inside a character
def test_bytes_spelt_as_text_are_decoded_as_pythons_codec_does(data, times):
    data *= times
    assert bytes(LongText(data.decode("latin-1").encode()).take_bytes()) == data


def test_a_long_text_is_taken_once_and_must_be_latin_1():
    text = LongText(b"a" * 10)
    text.take_bytes()
    with pytest.raises(ValueError, match="used twice"):
        text.take_bytes()
    with pytest.raises(ValueError, match="not Latin-1"):
        LongText("100 €".encode()).take_bytes()


# === The names ===


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_names_of_numpy_1_and_2_are_known(module):
    data = pickle.dumps(ARRAY, 2)  # in this protocol no length has to be changed with a name
    written, count = re.subn(rb"numpy\._?core\.multiarray", module, data)
    assert count >= 1
    np.testing.assert_array_equal(loads_pickle(written), ARRAY)


class _Like:
    """Stands for an object of another package, which is pickled by a name that can't be imported here."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments


def _dump(value) -> bytes:
    """A pickle in which each `_Like` is a call of its name."""

    class Pickler(pickle._Pickler):
        # Beam imports dill, which registers its own functions in Python's pickler.
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
    function, arguments, state = ARRAY.__reduce__()
    aval = {"weak_type": False, "named_shape": {}}
    tree = {"linear": {"w": _Like(module, name, function, arguments, state, aval)}}
    np.testing.assert_array_equal(loads_pickle(_dump(tree))["linear"]["w"], ARRAY)


@pytest.mark.parametrize("name", ["FlatMapping", "FlatMap", "frozendict"])
def test_haiku_mappings_become_dictionaries(name):
    inner = _Like("haiku._src.data_structures", name, {"w": ARRAY})
    outer = _Like("haiku._src.data_structures", name, {"linear": inner})
    assert loads_pickle(_dump(outer)) == {"linear": {"w": pytest.approx(ARRAY)}}


def test_every_listed_name_is_a_function_of_ours():
    for pair, function in NUMPY_AND_JAX.items():
        assert function.__module__ == "perceiver_keras.convert.stand_ins", pair
