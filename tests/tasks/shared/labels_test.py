"""Names of classes, and the likeliest of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.image_classification.presets import TINY
from perceiver_keras.tasks.shared import labels


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8), st.integers(1, 10))
def test_top_labels_are_the_largest_in_order(scores, top):
    (found,) = labels.top_labels({"probabilities": np.array([scores])}, None, top)
    assert [one["score"] for one in found] == [
        round(score, 6) for score in sorted(scores, reverse=True)[:top]
    ]
    assert len({one["label"] for one in found}) == len(found)
    for one in found:
        assert round(scores[int(one["label"])], 6) == one["score"]


def test_equal_scores_stay_in_the_order_of_the_classes():
    found = labels.top_of(np.array([0.2, 0.4, 0.2, 0.2]), ["a", "b", "c", "d"], 3)
    assert [one["label"] for one in found] == ["b", "a", "c"]


def test_classes_without_names_are_numbers():
    assert labels.class_names(None, 3) == ["0", "1", "2"]
    assert labels.class_names(("x", "y", "z"), 3) == ["x", "y", "z"]


def test_another_number_of_classes_says_which_key_to_set():
    labels.check_num_classes(None, TINY)
    labels.check_num_classes(list("0123456789"), TINY)
    with pytest.raises(
        UsageError, match="'perceiver_digits' has 3 classes.*model.num_classes is 10"
    ):
        labels.check_num_classes(["a", "b", "c"], TINY)
