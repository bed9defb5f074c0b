"""Arrays of any rank with their positions: against NumPy, and smaller grids against the largest."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import FourierPosition, LearnedPosition
from perceiver_keras.errors import UsageError
from perceiver_keras.preprocess.array import ArrayPreprocess, position_of
from tests.checks import assert_close


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_without_positions_it_only_flattens_the_grid():
    inputs = array(2, 3, 4, 5)
    assert_close(ArrayPreprocess(positions=None)(inputs), inputs.reshape(2, 12, 5))


def test_fourier_positions_by_numpy():
    """[p, sin(π f p), cos(π f p)] for frequencies from 1 to half the length (docs/architecture.md, Positions)."""
    found = ArrayPreprocess(positions=FourierPosition(num_bands=3))(array(1, 8, 2))[0, :, 2:]
    places = np.linspace(-1, 1, 8)[:, None]
    angles = np.pi * places * np.linspace(1, 4, 3)
    assert_close(found, np.concatenate([places, np.sin(angles), np.cos(angles)], -1))


@pytest.mark.parametrize("positions", ["fourier", LearnedPosition(channels=6)])
def test_a_smaller_grid_has_the_positions_of_its_first_places(positions):
    layer = ArrayPreprocess(positions=positions, max_shape=(4, 5))
    largest = layer(array(1, 4, 5, 2))[0, :, 2:].numpy().reshape(4, 5, -1)
    smaller = layer(array(1, 3, 2, 2))[0, :, 2:]
    assert_close(smaller, largest[:3, :2].reshape(6, -1))


def test_grids_of_unknown_size_are_the_same_in_a_graph():
    layer, inputs = ArrayPreprocess(positions="learned", max_shape=[4]), array(2, 3, 2)
    spec = [tf.TensorSpec([None, None, 2])]
    assert_close(tf.function(layer.call, input_signature=spec)(inputs), layer(inputs))


@pytest.mark.parametrize(
    ("arguments", "shape", "says"),
    [
        ({"max_shape": (3, 3)}, (2, 4, 3, 1), r"grid \(4, 3\) is larger than max_shape \(3, 3\)"),
        ({"max_shape": (3, 3)}, (2, 4, 1), r"max_shape \(3, 3\) is for arrays of 4 dimensions"),
        ({"positions": "sine"}, (2, 4, 1), "positions: expected 'fourier', 'learned', None"),
    ],
)
def test_what_does_not_fit_is_named(arguments, shape, says):
    with pytest.raises(UsageError, match=says):
        ArrayPreprocess(**arguments).build(shape)


def test_a_configuration_is_itself_and_a_word_a_size():
    own = FourierPosition(num_bands=2)
    assert position_of(own) is own
    assert position_of("learned") == LearnedPosition(channels=64)
    assert position_of({"kind": "LearnedPosition", "channels": 3}) == LearnedPosition(channels=3)
