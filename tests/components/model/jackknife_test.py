"""Groups of the jackknife: by content, evenly, and only for TFMA's pipeline while it is made."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from tensorflow_model_analysis.evaluators import jackknife as theirs

from perceiver_keras.components.model.jackknife import (
    GROUPS,
    GroupJackknife,
    by_content,
    group_of,
    grouped,
)


def test_a_group_depends_on_the_example_alone_and_groups_are_of_one_size() -> None:
    groups = [group_of(f"example {i}".encode()) for i in range(4000)]
    assert groups[:6] == [group_of(f"example {i}".encode()) for i in range(6)]
    counts = np.bincount(groups, minlength=GROUPS)
    assert len(counts) == GROUPS
    assert scipy.stats.chisquare(counts).pvalue > 0.001


def test_the_error_of_a_mean_is_right_on_average() -> None:
    """Over 400 samples of 60 examples in random groups of any size, its square is that of the formula."""
    random = np.random.default_rng(0)
    squares = []
    for trial in range(400):
        values = random.normal(size=60)
        groups = np.array([group_of(f"{trial} {i}".encode()) for i in range(60)])
        left = [values[groups != group].mean() for group in range(GROUPS)]
        pseudo = GROUPS * values.mean() - (GROUPS - 1) * np.array(left)
        squares.append(pseudo.var(ddof=1) / GROUPS)
    assert np.mean(squares) == pytest.approx(1 / 60, rel=0.08)


def test_slice_keys_carry_their_group_last() -> None:
    assert grouped((), 3) == (("perceiver/group", 3),)
    assert grouped((("label", "7"),), 3)[:-1] == (("label", "7"),)


def test_it_takes_the_place_of_tfma_s_only_while_a_pipeline_is_made() -> None:
    before = theirs.ComputeWithConfidenceIntervals
    with by_content():
        assert theirs.ComputeWithConfidenceIntervals is GroupJackknife
    assert theirs.ComputeWithConfidenceIntervals is before


def test_another_number_of_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="TFMA asks for 7 groups; there are 20"):
        GroupJackknife(None, None, num_jackknife_samples=7)
