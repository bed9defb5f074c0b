"""Battles of armies: the same every time, of the sizes they should have, and their labels true."""

import numpy as np
import pytest

from perceiver_keras.data.builders.perceiver_armies import (
    perceiver_armies_dataset_builder as armies,
)


@pytest.mark.parametrize("most", [32, 512])
def test_sides_are_of_similar_size_and_sizes_span_the_range(most):
    rng = np.random.default_rng(1)
    counts = np.array([np.bincount(armies.draw(rng, most).side) for _ in range(300)])
    assert counts.min() >= 6 and counts.max() == most // 2
    ratio = counts[:, 1] / counts[:, 0]
    assert ratio.min() > 0.74 and ratio.max() < 1.3  # a rounded unit beyond 0.8 and 1.25
    # Uniform in the logarithm: the median is the geometric mean of the ends.
    assert np.median(counts[:, 0]) == pytest.approx(np.sqrt(8 * most / 2), rel=0.35)


def test_targets_follow_from_the_stored_rows_and_outcomes_from_the_whole_battle():
    """The enemy with the least of distance + 0.3 x share of health; both sides of a battle agree who won."""
    won = []
    for number in range(12):
        found = list(armies.moments([512, 0, number], 64))
        assert 1 <= len(found) <= armies.MOMENTS
        for one, again in zip(found, armies.moments([512, 0, number], 64), strict=True):
            np.testing.assert_array_equal(one["entities"], again["entities"])
            rows = one["entities"][one["mask"] == 1]
            assert not one["entities"][one["mask"] == 0].any()
            actor = rows[rows[:, 4] == 1][0]
            cost = np.hypot(*(rows[:, 7:] - actor[7:]).T) + 0.3 * rows[:, 6]
            assert one["label"][0] == np.where(rows[:, 3] == 1, cost, np.inf).argmin()
            won.append(one["label"][1])
    assert 0.2 < np.mean(won) < 0.8


def test_a_battle_is_played_to_its_end_by_the_rules_of_small_ones():
    rng = np.random.default_rng(3)
    battle = armies.Battle.draw(rng, (40, 8))
    while not battle.over():
        battle.turn()
    assert battle.won(0) and not battle.won(1)


def test_a_small_data_set_is_prepared_and_splits_share_no_battle(tmp_path):
    builder = armies.Builder(config="of_64", data_dir=str(tmp_path))
    builder.download_and_prepare()
    places = {}
    for split, count in builder.builder_config.battles.items():
        examples = list(builder.as_dataset(split=split).as_numpy_iterator())
        assert count < len(examples) <= armies.MOMENTS * count
        assert examples[0]["entities"].shape == (64, 9)
        places[split] = {example["entities"].tobytes() for example in examples}
    assert not places["train"] & places["validation"] and not places["train"] & places["test"]
