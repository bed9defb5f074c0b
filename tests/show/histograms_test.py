"""Small bars of statistics: on one scale for all splits, with areas that are shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.show import histograms


def numbers(values, bins: int = 10, missing: int = 0) -> dict:
    values = np.asarray(values, float)
    counts, edges = np.histogram(values, bins)
    return {
        "count": len(values),
        "missing": missing,
        "mean": values.mean(),
        "std": values.std(),
        "min": values.min(),
        "median": float(np.median(values)),
        "max": values.max(),
        "histogram": [[edges[i], edges[i + 1], int(counts[i])] for i in range(bins)],
    }


def names(counts: dict, missing: int = 0) -> dict:
    top = sorted(([name, count] for name, count in counts.items()), key=lambda entry: -entry[1])
    return {
        "count": sum(counts.values()),
        "missing": missing,
        "unique": len(counts),
        "top": top,
    }


def measure(name: str, splits: dict, unit: str = "") -> dict:
    return {"name": name, "unit": unit, "meaning": "", "splits": splits}


def test_what_is_the_same_everywhere_is_told_once() -> None:
    height = measure("image/height", {"train": numbers([8, 8]), "test": numbers([8])}, "pixels")
    form = measure("image/format", {"train": names({"PNG": 3}), "test": names({"PNG": 1})})
    width = measure("image/width", {"train": numbers([8, 8]), "test": numbers([9])}, "pixels")
    lost = measure("image/mean", {"train": numbers([8, 8], missing=1), "test": numbers([8])})
    channels = measure("image/channels", {"train": numbers([3])}, "channels")
    constant, varied = histograms.rows([height, form, width, lost, channels], ["train", "test"])
    assert [(one["name"], one["value"]) for one in constant] == [
        ("image/height", "8 pixels"),
        ("image/format", "PNG"),
        ("image/channels", "3"),
    ]
    assert [row["name"] for row in varied] == ["image/width", "image/mean"]
    assert varied[0]["cells"][0]["words"] == ["always 8"]
    assert varied[1]["cells"][0]["missing"] == "1 without"


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50), st.floats(-1e3, 1e3))
def test_bars_are_inside_the_picture(values: list[float], more: float) -> None:
    both = measure("x", {"train": numbers(values), "test": numbers([more])})
    for row in histograms.rows([both], ["train", "test"])[1]:
        for cell in row["cells"]:
            assert cell["bars"]
            for bar in cell["bars"]:
                assert bar["x"] >= 0 and bar["x"] + bar["width"] <= histograms.WIDTH + 0.2
                assert bar["y"] >= 0 and bar["y"] + bar["height"] <= histograms.HEIGHT + 0.2


def test_splits_share_a_scale() -> None:
    both = measure("x", {"train": numbers(np.linspace(0, 10, 100)), "test": numbers([9, 9.5, 10])})
    [row] = histograms.rows([both], ["train", "test"])[1]
    train, test = row["cells"]
    assert min(bar["x"] for bar in train["bars"]) == 0
    assert min(bar["x"] for bar in test["bars"]) == pytest.approx(0.9 * histograms.WIDTH, abs=1)
    assert train["words"] == ["mean 5", "0 to 10"]


def test_classes_have_the_same_place_in_each_split() -> None:
    label = measure("label", {"test": names({"b": 1}), "train": names({"a": 3, "b": 1})})
    [row] = histograms.rows([label], ["train", "test"])[1]
    train, test = row["cells"]
    assert len(train["bars"]) == 2 and len(test["bars"]) == 1
    assert test["bars"][0]["x"] == train["bars"][1]["x"] > train["bars"][0]["x"]
    assert train["bars"][0]["height"] == pytest.approx(3 * train["bars"][1]["height"], rel=0.1)
    assert train["words"] == ["2 values", "most: a 75.0%"]


def test_the_commonest_of_several_labels_is_a_share_of_all_labels() -> None:
    several = names({"a": 30, "b": 10}) | {"count": 5, "values": 40}  # eight per example
    [row] = histograms.rows([measure("tags", {"train": several})], ["train"])[1]
    assert row["cells"][0]["words"] == ["2 values", "most: a 75.0%"]


def test_a_split_without_values_says_so() -> None:
    empty = names({}, missing=5)
    label = measure("label", {"train": names({"a": 1, "b": 2}), "test": empty})
    [row] = histograms.rows([label], ["train", "test", "validation"])[1]
    assert [cell["words"] for cell in row["cells"]][1:] == [["nothing stored"]] * 2


def test_numbers_that_are_not_finite_do_no_harm() -> None:
    """JSON has null for them."""
    lost = numbers([1.0, 2.0]) | {"mean": None, "min": None, "max": None, "histogram": []}
    constant, [row] = histograms.rows([measure("x", {"train": lost})], ["train"])
    assert constant == [] and row["cells"][0]["words"] == ["mean –", "– to –"]
    unlisted = names({}) | {"count": 3, "unique": 3}  # too many to be counted one by one
    [row] = histograms.rows([measure("x", {"train": unlisted})], ["train"])[1]
    assert row["cells"][0]["words"] == ["3 values"]


def test_counts_of_classes_in_a_table() -> None:
    label = measure("label", {"train": names({"a": 3, "b": 1}), "test": names({"c": 2})})
    many = measure("tag", {"train": names({f"t{n}": 1 for n in range(500)})})
    tables = histograms.class_tables([label, many], ["train", "test", "validation"])
    assert [table["name"] for table in tables] == ["label"]
    assert tables[0]["rows"] == [
        {"name": "a", "cells": ["3 (75.0%)", "0 (0.0%)", "–"]},
        {"name": "b", "cells": ["1 (25.0%)", "0 (0.0%)", "–"]},
        {"name": "c", "cells": ["0 (0.0%)", "2 (100.0%)", "–"]},
    ]
