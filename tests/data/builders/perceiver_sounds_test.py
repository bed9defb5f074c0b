"""Mixtures of sounds: the same every time, and their labels true."""

import numpy as np
import tensorflow as tf

from perceiver_keras.data.builders.perceiver_sounds import (
    perceiver_sounds_dataset_builder as sounds,
)


def loudest(sound: np.ndarray, rate: int) -> float:
    """Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return spectrum.argmax() * rate / len(sound)


def test_kinds_of_sound_are_what_they_are_called():
    rng = np.random.default_rng(0)
    for _ in range(5):
        assert 140 < loudest(sounds.draw(rng, "low tone"), sounds.RATE) < 360
        assert 1390 < loudest(sounds.draw(rng, "high tone"), sounds.RATE) < 2610
        for kind, rises in (("rising chirp", True), ("falling chirp", False)):
            sound = sounds.draw(rng, kind)
            heard = np.flatnonzero(sound)
            halves = np.array_split(sound[heard[0] : heard[-1]], 2)
            first, second = (loudest(half, sounds.RATE) for half in halves)
            assert (second > first) == rises
    for kind in sounds.KINDS:
        assert 0.01 < np.abs(sounds.draw(rng, kind)).max() < 3


def test_examples_are_the_same_every_time_and_name_what_is_in_them(tmp_path):
    builder = sounds.Builder(data_dir=str(tmp_path))
    found = [example for _, example in builder._generate_examples(1, 60)]
    assert found == [example for _, example in builder._generate_examples(1, 60)]
    for example in found:
        kinds = [label for label in example["label"] if label >= 0]
        assert 1 <= len(kinds) <= 3 and kinds == sorted(set(kinds))
        assert len(example["label"]) == 3 and set(example["label"][len(kinds) :]) <= {-1}
        # One tone alone is heard at its pitch, through the noise that lies under all of them.
        if kinds == [sounds.KINDS.index("low tone")]:
            heard = tf.audio.decode_wav(example["audio"])[0][:, 0].numpy()
            assert 140 < loudest(heard, sounds.RATE) < 360
    assert [sounds.KINDS.index("low tone"), -1, -1] in [example["label"] for example in found]
