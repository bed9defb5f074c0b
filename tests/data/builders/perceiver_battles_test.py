"""Simulated battles: the same every time, and their labels true."""

import numpy as np

from perceiver_keras.data.builders.perceiver_battles import (
    perceiver_battles_dataset_builder as battles,
)


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


def test_the_stored_target_follows_from_the_stored_rows(tmp_path):
    """The enemy with the least of distance + 0.3 x share of health; neither outcome is rare."""
    builder = battles.Builder(data_dir=str(tmp_path))
    found = [example for _, example in builder._generate_examples(0, 40)]
    for example, (_, again) in zip(found, builder._generate_examples(0, 40), strict=True):
        np.testing.assert_array_equal(example["entities"], again["entities"])
        assert example["label"] == again["label"]
        rows = example["entities"]
        actor = rows[rows[:, 4] == 1][0]
        cost = np.hypot(*(rows[:, 7:] - actor[7:]).T) + 0.3 * rows[:, 6]
        assert example["label"][0] == np.where(rows[:, 3] == 1, cost, np.inf).argmin()
    assert 0.2 < np.mean([example["label"][1] for example in found]) < 0.8
