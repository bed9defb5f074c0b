"""Rendered clips: the same every time, and their labels true; windows of a real video, split without overlap."""

import numpy as np
import pytest

from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as clips


def loudest(sound: np.ndarray, rate: int) -> float:
    """Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return spectrum.argmax() * rate / len(sound)


@pytest.mark.parametrize("shape", range(4))
def test_a_shape_moves_and_has_its_pitch(shape):
    frames, radius = clips.render(np.random.default_rng(shape), shape)
    assert frames.shape == (4, 16, 16, 3) and 2 < radius < 5
    assert (frames[0] != frames[3]).any()
    again, _ = clips.render(np.random.default_rng(shape), shape)
    np.testing.assert_array_equal(again, frames)
    assert abs(loudest(clips.tone(shape, 0.5, 1280), clips.RATE) - clips.PITCHES[shape]) < 7


def test_a_disc_covers_its_area():
    frames, radius = clips.render(np.random.default_rng(3), 0, side=64)
    picture = frames[0].astype(float)
    low, high = picture.min((0, 1)), picture.max((0, 1))
    covered = ((picture - low) / (high - low))[..., 0].sum()
    assert covered == pytest.approx(np.pi * radius**2, rel=0.03)


def test_windows_of_the_real_video_share_no_frame_between_splits(tmp_path):
    builder = clips.Builder(config="bunny", data_dir=str(tmp_path))
    frames = {}
    for split, examples in builder._bunny_splits().items():
        windows = dict(examples)
        frames[split] = {start + i for start in windows for i in range(16)}
        starts = sorted(windows)
        for first, second in zip(starts, starts[1:], strict=False):  # every second frame begins one
            np.testing.assert_array_equal(
                windows[first]["frames"][2:], windows[second]["frames"][:-2]
            )
    train, validation, test = (frames[name] for name in ("train", "validation", "test"))
    assert not (train & validation or train & test or validation & test)
    assert train | validation | test == set(range(132))
