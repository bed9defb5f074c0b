from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import FourierPosition
from perceiver_keras.preprocess.audio import AudioPreprocess
from perceiver_keras.preprocess.label import LabelPreprocess
from perceiver_keras.preprocess.multimodal import MultimodalPreprocess

RNG = np.random.default_rng(0)
INPUTS = {
    "label": np.eye(9, dtype=np.float32)[[2, 5]],
    "audio": RNG.normal(size=(2, 400, 1)).astype(np.float32),
}


def preprocess(**kwargs) -> MultimodalPreprocess:
    audio = AudioPreprocess(samples_per_patch=4, position=FourierPosition(num_bands=1))
    return MultimodalPreprocess(modalities={"label": LabelPreprocess(), "audio": audio}, **kwargs)


def test_padded_to_the_widest_and_joined_alphabetically():
    layer = preprocess(min_padding_size=4)
    array = layer(INPUTS).numpy()
    assert array.shape == (2, 100 + 1, 9 + 4)  # 4 samples + 3 position channels < 9 classes
    np.testing.assert_array_equal(array[:, 3, :4], INPUTS["audio"][:, 12:16, 0])
    np.testing.assert_array_equal(array[:, 100, :9], INPUTS["label"])
    padding = layer.paddings["audio"].numpy()
    np.testing.assert_array_equal(array[:, :100, 7:], np.tile(padding, (2, 100, 1)))


def test_masked_always():
    layer = preprocess(mask_probs={"label": 1.0})
    array = layer(INPUTS).numpy()
    np.testing.assert_array_equal(array[:, 100], np.tile(layer.mask_tokens["label"], (2, 1)))
    other = layer(INPUTS | {"label": INPUTS["label"][::-1]})
    np.testing.assert_array_equal(other, array)


def test_masked_sometimes_each_token_alone_and_anew():
    layer = preprocess(mask_probs={"audio": 0.25})
    plain = preprocess()(INPUTS).numpy()
    masks = []
    for _ in range(2):
        array = layer(INPUTS).numpy()
        token = layer.mask_tokens["audio"].numpy()
        masked = (array[:, :100] == token).all(-1)
        np.testing.assert_array_equal(array[:, :100, :7][~masked], plain[:, :100, :7][~masked])
        masks.append(masked)
    assert 0.15 < np.mean(masks) < 0.35
    assert (masks[0] != masks[1]).any() and (masks[0][0] != masks[0][1]).any()


@pytest.mark.parametrize("graph", [False, True])
def test_other_probabilities_at_inference(graph):
    layer = preprocess(mask_probs={}, inference_mask_probs={"label": 1.0})
    call = tf.function(layer) if graph else layer
    token = None
    for training in (True, False, tf.constant(True), tf.constant(False)):
        label = call(INPUTS, training=training)[:, 100].numpy()
        token = layer.mask_tokens["label"].numpy()
        assert (label == token).all() == (not bool(training))


def test_a_probability_for_an_unknown_modality():
    with pytest.raises(ValueError, match="'labels' is not one of audio, label"):
        preprocess(mask_probs={"labels": 1.0})
