"""Slices as the user writes them, and the parts that examples fall into."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.described.buckets import (
    Slice,
    bucket_names,
    bucket_of,
    by_class,
    parse_slices,
)
from perceiver_keras.data.described.measures import MEASURES
from perceiver_keras.errors import UsageError

KINDS = {"image": "picture", "label": "label", "data/review": "text", "score": "number"}
rising = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)


def test_slices_are_read_with_their_edges_or_the_measure_s_own():
    assert parse_slices(
        ["label", "data/review/words:10,100", " image/side ", "score:0.5"], KINDS
    ) == [
        Slice("label"),
        Slice("data/review/words", (10, 100)),
        Slice("image/side", MEASURES["picture/side"].edges),
        Slice("score", (0.5,)),
    ]
    assert parse_slices([], KINDS) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lable", "Did you mean 'label'?"),
        ("image/hight:3", "Did you mean 'image/height'?"),
        ("label:1,2", "label is a name and each name is a slice; write 'label'"),
        ("data/review/words:", "rising numbers after the colon"),
        ("data/review/words:10,5", "rising numbers after the colon"),
        ("data/review/words:10,10", "rising numbers after the colon"),
        ("data/review/words:few", "rising numbers after the colon"),
        ("data/review/words:1,nan", "rising numbers after the colon"),
        ("data/review/words:1,inf", "rising numbers after the colon"),
        ("image/red", "needs edges, as in 'image/red:1,10'"),
        ("score", "needs edges, as in 'score:1,10'"),
        ("", "names nothing that is measured"),
    ],
)
def test_a_wrong_slice_is_a_usage_error_that_says_what_to_write(text, words):
    with pytest.raises(UsageError) as error:
        parse_slices([text], KINDS)
    assert words in str(error.value) and str(error.value).startswith("evaluate.slices: ")


def test_a_measure_is_cut_in_one_way():
    with pytest.raises(UsageError, match="image/side is named twice"):
        parse_slices(["image/side", "label", "image/side:3"], KINDS)


def test_buckets_begin_at_their_lower_edge():
    edges = (10, 100)
    assert bucket_names(edges) == ["..10", "10..100", "100.."]
    found = [bucket_of(value, edges) for value in (-5, 9.99, 10, 99, 100, math.inf)]
    assert found == ["..10", "..10", "10..100", "10..100", "100..", "100.."]
    assert bucket_names((0.25, 1e6 + 0.5)) == ["..0.25", "0.25..1000000.5", "1000000.5.."]


@given(rising, st.floats(-1e10, 1e10))
def test_buckets_are_numpys_and_their_names_differ(edges, value):
    names = bucket_names(edges)
    assert len(set(names)) == len(edges) + 1
    assert bucket_of(value, edges) == names[np.digitize(value, edges)]
    low, _, high = bucket_of(value, edges).partition("..")
    assert float(low or -math.inf) <= value < float(high or math.inf)


@given(rising)
def test_edges_are_read_as_they_were_written(edges):
    text = "score:" + ",".join(map(repr, edges))
    assert parse_slices([text], KINDS) == [Slice("score", edges)]


def test_an_example_s_parts_come_from_what_was_measured_of_it():
    described = {
        "label": [b"a", b"b", b"a"],
        "data/review/words": 12,
        "score": math.nan,
        "image/format": b"PNG",
    }
    assert Slice("label").names(described) == ["label=a", "label=b"]
    assert Slice("data/review/words", (10, 100)).names(described) == ["data/review/words=10..100"]
    assert Slice("image/format").values(described) == ["PNG"]
    assert Slice("score", (1,)).values(described) == []
    assert Slice("image/side", (1,)).values(described) == []


def test_many_classes_are_no_slices():
    assert by_class("label", 10) == ("label",)
    assert by_class("label", 1000) == ()
