"""Events: the same every time, and told by what they should be told by."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.data.builders.perceiver_events import (
    perceiver_events_dataset_builder as events,
)


def loudest(sound: np.ndarray) -> float:
    """Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return spectrum.argmax() * events.RATE / len(sound)


def test_sounds_are_what_they_are_called():
    rng = np.random.default_rng(0)
    for _ in range(5):
        for kind, rises in (("rising chirp", True), ("falling chirp", False), ("call", True)):
            sound = events.heard(rng, kind)
            inside = np.flatnonzero(sound)
            first, second = np.array_split(sound[inside[0] : inside[-1]], 2)
            assert (loudest(second) > loudest(first)) == rises
        assert loudest(events.heard(rng, "hiss")) > 1000
    for kind in (*events.HEARD, "call"):
        assert 0.03 < np.abs(events.heard(rng, kind)).max() < 1


def test_examples_are_the_same_every_time_and_have_one_shape_and_at_most_one_sound_of_its_own(
    tmp_path,
):
    builder = events.Builder(data_dir=str(tmp_path))
    found = [example for _, example in builder._generate_examples(1, 200)]
    again = [example for _, example in builder._generate_examples(1, 200)]
    for one, other in zip(found, again, strict=True):
        assert one["label"] == other["label"] and one["audio"] == other["audio"]
        np.testing.assert_array_equal(one["frames"], other["frames"])
        names = [events.NAMES[label] for label in one["label"] if label >= 0]
        assert one["frames"].shape == (events.FRAMES, events.SIDE, events.SIDE, 3)
        assert sum(name in (*events.SEEN, *events.BOTH) for name in names) == 1
        assert sum(name in events.HEARD for name in names) == len(names) - 1 <= 1
    shown = {label for example in found for label in example["label"]}
    assert shown == {-1, *range(len(events.NAMES))}


def test_a_call_is_heard_and_does_not_tell_the_shape():
    """A silent shape alone leaves only noise; calls of all shapes are drawn alike."""
    rng = np.random.default_rng(4)
    power = {True: [], False: []}
    for _ in range(200):
        example = events.clip(rng)
        if example["label"][1] == -1:
            sound = tf.audio.decode_wav(example["audio"])[0][:, 0].numpy()
            power[example["label"][0] >= len(events.HEARD) + len(events.SEEN)].append(sound.std())
    assert max(power[False]) < 1.1 * events.NOISE < min(power[True])
