"""Measures of sets, in closed form."""

import numpy as np
import pytest

from perceiver_keras.data.described import entities
from perceiver_keras.data.described.decode import decoded


def measured(rows, mask) -> dict:
    return entities.describe(decoded("entities", np.ravel(rows)), decoded("mask", mask))


def test_columns_are_means_over_the_rows_that_hold_an_entity():
    rows = [[1, 0, 0.5], [0, 1, 1.5], [9, 9, 9]]
    found = measured(rows, [1, 1, 0])
    assert found == {
        "count": 2,
        "columns": 3,
        "not_finite": 0,
        "column_0": 0.5,
        "column_1": 0.5,
        "column_2": 1,
    }


def test_only_the_first_columns_of_many_are_measured():
    found = measured(np.ones([4, 256]), [1] * 4)
    assert found["columns"] == 256 and "column_31" in found and "column_32" not in found


def test_no_entities_and_numbers_that_are_not_finite():
    assert measured([[1, 2]], [0]) == {"count": 0, "columns": 2, "not_finite": 0}
    found = measured([[1, np.nan], [3, 4]], [1, 1])
    assert found["not_finite"] == 0.25 and found["column_1"] == 2
    assert entities.describe(decoded("entities", [1.0, np.inf]), None) == {"not_finite": 0.5}


def test_numbers_that_do_not_fill_the_rows_are_an_error():
    with pytest.raises(ValueError, match="5 numbers do not fill 2 rows"):
        measured([1, 2, 3, 4, 5], [1, 1])


def test_a_choice_is_a_row_and_an_outcome_by_its_name():
    assert entities.describe_choice(decoded("choice", [3, 1])) == {"row": 3, "outcome": b"won"}
    assert entities.describe_choice(decoded("choice", [0, 7]))["outcome"] == b"7"
    with pytest.raises(ValueError):
        entities.describe_choice(decoded("choice", [3]))


def test_columns_have_the_names_that_are_known():
    rows = decoded("entities", np.ravel([[1, 0, 0.5, 2], [0, 1, 1.5, 4]]))
    names = ["health", "x/y", "", "twice", "twice"]
    found = entities.describe(rows, decoded("mask", [1, 1]), names)
    assert {k: v for k, v in found.items() if k.startswith("column_")} == {
        "column_health": 0.5,
        "column_x_y": 0.5,
        "column_2": 1,
        "column_twice": 3,
    }
    assert entities.column_keys(["a", "a", "b"], 4) == [
        "column_0",
        "column_1",
        "column_b",
        "column_3",
    ]
