from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.preprocess.text import TextPreprocess

IDS = np.array([[3, 1, 4, 1], [5, 9, 2, 6]], np.int32)


def test_embedding_plus_position():
    layer = TextPreprocess(vocabulary=10, length=6, channels=4)
    array = layer(IDS)
    expected = layer.embeddings.numpy()[IDS] + layer.position.embeddings.numpy()[:4]
    np.testing.assert_allclose(array, expected, atol=1e-7)


def test_a_text_longer_than_the_places():
    layer = TextPreprocess(vocabulary=10, length=3, channels=4)
    with pytest.raises(ValueError, match="4 elements, but only 3 learned positions"):
        layer(IDS)
