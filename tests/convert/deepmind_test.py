"""DeepMind's pickles, read and written bit for bit; other files are refused with a readable message."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from perceiver_keras.convert import deepmind, huggingface
from perceiver_keras.convert.names import RELEASED
from perceiver_keras.convert.pickles import load_pickle
from perceiver_keras.errors import PerceiverError
from tests.convert.trees import DEEPMIND, assert_same
from tests.parity.fixtures import Fixture


def _official(tree, task):
    """The tree as the task's released file holds it: with the state or without."""
    return tree if RELEASED[task].with_state else tree["params"]


@pytest.mark.parametrize("task", DEEPMIND)
def test_round_trip(task, tmp_path):
    tree = _official(Fixture("deepmind", task).tree, task)
    first, second = tmp_path / "official.pystate", tmp_path / "ours.pystate"
    first.write_bytes(pickle.dumps(tree))
    checkpoint = deepmind.read_deepmind(first)
    assert checkpoint.model == task and checkpoint.activation == "gelu_tanh"
    deepmind.write_deepmind(checkpoint, second)
    assert_same(load_pickle(second), tree)
    assert_same(pickle.loads(second.read_bytes()), tree)  # our own file is safe to unpickle
    assert sorted(path.name for path in tmp_path.iterdir()) == ["official.pystate", "ours.pystate"]


def test_a_settled_average_is_written_where_haikus_state_is_unknown():
    """The port's batch norm has only the average; with the two other numbers it is exact."""
    state = Fixture("huggingface", "imagenet_conv_preprocessing").state_dict
    tree = deepmind.to_tree(huggingface.from_state_dict(state))
    averages = tree["state"]["image_preprocessor/~/conv2_d_downsample/~/batchnorm/~/mean_ema"]
    np.testing.assert_array_equal(averages["hidden"], averages["average"])
    decay = np.float32(0.9)
    assert np.float32(1) - decay ** averages["counter"].astype(np.float32) == 1


def test_arrays_are_written_in_c_order(tmp_path):
    """Whatever the layout in memory; the official code never sees a Fortran array."""
    checkpoint = Fixture("huggingface", "language_mlm_bytes").checkpoint()  # transposed views
    assert not all(array.flags.c_contiguous for array in checkpoint.tensors.values())
    deepmind.write_deepmind(checkpoint, tmp_path / "weights.pystate")
    tree = pickle.loads((tmp_path / "weights.pystate").read_bytes())
    assert all(a.flags.c_contiguous for module in tree.values() for a in module.values())


@pytest.mark.parametrize(
    "tree, words",
    [
        ([1, 2], "holds a list"),
        ({}, "do not belong to any of the released"),
        ({"linear": {"w": np.ones(3)}}, "do not belong to any of the released"),
        ({"params": {"embed": {"embeddings": "text"}}}, "is a str, not an array"),
    ],
)
def test_other_trees_are_refused(tree, words):
    with pytest.raises(PerceiverError, match=words):
        deepmind.from_tree(tree)


def test_a_file_of_the_port_is_refused(tmp_path):
    path = tmp_path / "weights"
    weights = Fixture("huggingface", "optical_flow").path.with_suffix(".safetensors")
    path.write_bytes(weights.read_bytes())
    with pytest.raises(PerceiverError, match="a safetensors file, not one of DeepMind's pickles"):
        deepmind.read_deepmind(path)
