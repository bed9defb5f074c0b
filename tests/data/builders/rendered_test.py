"""The data sets that are made from a seed: the same every time, and their labels true."""

import numpy as np
import pytest

from perceiver_keras.data.builders.perceiver_battles import (
    perceiver_battles_dataset_builder as battles,
)
from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as clips
from perceiver_keras.data.builders.perceiver_sounds import (
    perceiver_sounds_dataset_builder as sounds,
)


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


def test_a_unit_attacks_what_the_rule_says_and_the_strong_win():
    battle = battles.Battle(
        kind=np.array([1, 1, 1]),
        side=np.array([0, 1, 1]),
        health=np.array([100.0, 100.0, 10.0]),
        place=np.array([[0.0, 0.0], [0.5, 0.0], [0.6, 0.0]]),
    )
    assert battle.target(0) == 2  # 0.6 + 0.03 is less than 0.5 + 0.3
    assert battle.target(1) == 0
    while not battle.over():
        battle.turn()
    assert set(battle.side[battle.health > 0]) == {1}


def test_a_moment_s_rows_tell_who_is_who():
    rng = np.random.default_rng(5)
    for _ in range(20):
        battle = battles.Battle.draw(rng)
        actor = int(rng.integers(len(battle.side)))
        rows, mask, target = battle.entities(rng, actor)
        assert mask.sum() == len(battle.side) and not rows[mask == 0].any()
        assert rows[:, 4].sum() == 1 and rows[target, 3] == 1
        assert rows[:, 3].sum() == (battle.side != battle.side[actor]).sum()
        np.testing.assert_allclose(rows[rows[:, 4] == 1][0, 7:], battle.place[actor], rtol=1e-6)
