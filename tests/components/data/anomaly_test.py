"""What chance explains, against exact combinatorics and simulation; and words."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from perceiver_keras.components.data.anomaly import (
    Anomaly,
    is_chance,
    listed,
    number,
    plural,
    probability_of_all,
)

pytestmark = pytest.mark.tfx


@pytest.mark.parametrize(
    ("k", "inside", "outside"), [(1, 3, 5), (4, 10, 3), (12, 40, 60), (3, 3, 3)]
)
def test_the_probability_is_that_of_drawing_without_replacement(k, inside, outside) -> None:
    exact = math.comb(inside, k) / math.comb(inside + outside, k)
    assert probability_of_all(k, inside, outside) == pytest.approx(exact)


def test_more_than_there_are_inside_is_impossible_and_none_is_certain() -> None:
    assert probability_of_all(4, 3, 5) == 0
    assert probability_of_all(0, 3, 5) == 1


def test_the_greatest_values_of_two_equal_samples_are_in_one_of_them_as_often_as_it_says() -> None:
    random = np.random.RandomState(0)
    beyond = []
    for _ in range(4000):
        old, new = random.lognormal(0, 2, 50), random.lognormal(0, 2, 30)
        beyond.append((new > old.max()).sum() >= 3)
    assert np.mean(beyond) == pytest.approx(probability_of_all(3, 30, 50), abs=0.012)


def test_chance_explains_a_few_and_not_many() -> None:
    assert is_chance(3, 270, 1250) and not is_chance(30, 270, 1250)
    assert is_chance(16, 500, 500) and not is_chance(18, 500, 500)


def test_json_has_the_new_value_under_is() -> None:
    anomaly = Anomaly("image/height", "train", "range", 8, 9, 3, 300, "text", [1, 2])
    values = json.loads(json.dumps(anomaly.as_json()))
    assert values["was"] == 8 and values["is"] == 9 and "now" not in values
    assert values["indices"] == [1, 2] and values["stops"] is True


def test_words() -> None:
    assert (
        listed([]) == ""
        and listed(["a"]) == "'a'"
        and listed(["a", "b", "c"]) == "'a', 'b' and 'c'"
    )
    assert listed(range(8)) == "0, 1, 2, 3, 4 and 3 more"
    assert number(3.0) == "3" and number(3.14159) == "3.142" and number(1e12) == "1e+12"
    assert plural(1, "class", "classes") == "1 class" and plural(2, "copy", "copies") == "2 copies"
