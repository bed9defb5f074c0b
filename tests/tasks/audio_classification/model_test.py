"""The model of sounds: answers for people; what it is given to hear and to see."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.audio import encode_wav
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.audio_classification.model import AudioClassifier, input_spec
from perceiver_keras.tasks.audio_classification.presets import TINY
from tests.tasks.audio_classification.sounds import SEEING, wav


@pytest.fixture(scope="module")
def model():
    return AudioClassifier.from_preset("tiny")


def test_answers_are_sorted_and_the_same_for_paths_and_bytes(model, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(16_000, 16_000))
    (answer,) = model.classify([path.read_bytes()], top=3)
    assert [set(a) for a in answer] == [{"label", "score"}] * 3
    scores = [a["score"] for a in answer]
    assert scores == sorted(scores, reverse=True)
    assert model.classify([path], top=3) == [answer]


def test_sounds_of_every_kind_one_or_several(model, tmp_path):
    samples = np.random.default_rng(1).integers(-9999, 9999, 16_000).astype(np.int16)
    (tmp_path / "A.WAV").write_bytes(encode_wav(samples / 32768, 16_000))
    answer = model.classify(tmp_path / "A.WAV", top=3)
    for one in ((samples, 16_000), samples, samples / 32768, samples[:, None]):
        assert model.classify(one, top=3, rate=16_000) == answer
    assert len(model.classify([samples, samples], rate=16_000)) == 2
    assert model.classify([]) == []
    for wrong, words in (
        (samples, "samples need their rate"),
        ([(samples, 16_000), 3], r"sound 2: expected a path.*got 3 \(int\)"),
        (None, "got None"),
        ([tmp_path / "none.wav"], "none.wav: "),
    ):
        with pytest.raises(UsageError, match=words):
            model.classify(wrong)


def test_a_model_that_sees_also_hears():
    """Changing either modality changes the logits, and elements are counted by hand."""
    model = AudioClassifier(SEEING.model).build_all()
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.uniform(size=(1, *spec.shape)).astype(np.float32)
        for name, spec in input_spec(SEEING.model).items()
    }
    # 1280 samples in patches of 32; 4 frames of 16x16 pixels in patches of 2 frames and 8x8 pixels.
    assert model.preprocess(inputs).shape[1] == 1280 // 32 + (4 // 2) * (16 // 8) ** 2
    logits = model(inputs).numpy()
    for name in inputs:
        other = model(inputs | {name: 1 - inputs[name]}).numpy()
        assert np.abs(other - logits).max() > 1e-4


def test_inputs_are_described_as_the_data_makes_them():
    from perceiver_keras.tasks.audio_classification.data import to_input

    for config in (TINY.model, SEEING.model):
        frames = config.film and tf.repeat(tf.io.encode_png(tf.zeros([4, 4, 3], tf.uint8)), 4)
        made = to_input(tf.zeros([config.num_samples]), frames, config)
        assert {name: tf.TensorSpec.from_tensor(value) for name, value in made.items()} == {
            name: spec for name, spec in input_spec(config).items()
        }
