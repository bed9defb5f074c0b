"""Text after the token of its task."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.preprocess.task_tokens import TaskTokenPreprocess
from perceiver_keras.preprocess.text import TextPreprocess

IDS = np.array([[3, 1, 4, 1], [5, 9, 2, 6]], np.int32)
SIZES = {"vocabulary": 10, "length": 4, "channels": 3}


@pytest.mark.parametrize(("num_tokens", "rows"), [(1, [0, 0]), (3, [2, 1])])
def test_the_token_of_the_task_precedes_the_text(num_tokens, rows):
    layer = TaskTokenPreprocess(num_tokens=num_tokens, **SIZES)
    inputs = {"ids": IDS, "head": np.array([2, 1], np.int32)}
    array = layer(inputs).numpy()
    assert array.shape == layer.compute_output_shape({"ids": IDS.shape, "head": (2,)})
    np.testing.assert_array_equal(array[:, 0], layer.tokens.numpy()[rows])
    text = TextPreprocess(**SIZES)
    text(IDS)
    weights = {w.name.split("/")[-1]: w.numpy() for w in layer.position.weights}
    text.embeddings.assign(layer.embeddings)
    text.position.embeddings.assign(weights["embeddings:0"])
    np.testing.assert_array_equal(array[:, 1:], text(IDS))


def test_without_a_token_it_is_the_text_alone():
    layer = TaskTokenPreprocess(num_tokens=0, **SIZES)
    array = layer({"ids": IDS, "head": np.zeros(2, np.int32)})
    expected = layer.embeddings.numpy()[IDS] + layer.position.embeddings.numpy()
    np.testing.assert_allclose(array, expected, atol=1e-7)
