"""Splits are stable, stratified, free of duplicates across them, and never empty where that can be."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.data.own.splits import (
    SHARES,
    SPLITS,
    assign,
    place_of,
    split_named,
    split_of_file,
    splits_named,
    splits_of_files,
)


def _digests(count: int, salt: str = "") -> list[str]:
    return [hashlib.sha256(f"{salt}{number}".encode()).hexdigest() for number in range(count)]


examples = st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), min_size=1, max_size=80)


@settings(max_examples=200, deadline=None)
@given(
    examples,
    st.lists(st.sampled_from([None, "train", "validation", "test"]), min_size=80, max_size=80),
)
def test_the_promises_hold_for_any_data(drawn, splits) -> None:
    table = _digests(41)
    digests, labels = [table[n] for n, _ in drawn], [label for _, label in drawn]
    given_splits = splits[: len(drawn)]
    found = assign(digests, labels, given_splits)
    assert found == assign(digests, labels, given_splits)
    for given_split, split in zip(given_splits, found, strict=True):
        assert split in SPLITS
        if given_split in SHARES:
            assert split == given_split
    # No content that is in a made split trains as well.
    elsewhere = {d for d, own in zip(digests, given_splits, strict=True) if own in SHARES}
    where: dict[str, set[str]] = {}
    for digest, own, split in zip(digests, given_splits, found, strict=True):
        if digest in elsewhere and own == "train":
            assert split == "train"
        elif own not in SHARES:
            where.setdefault(digest, set()).add(split)
    assert all(len(held) == 1 for held in where.values())
    if set(given_splits) == {None}:
        for label in set(labels):
            contents = {d for d, other in zip(digests, labels, strict=True) if other == label}
            only = all(
                other == label for d, other in zip(digests, labels, strict=True) if d in contents
            )
            held = {s for d, s in zip(digests, found, strict=True) if d in contents}
            if len(contents) >= 3 and only:
                assert held == set(SPLITS)


def test_examples_stay_where_they_are_when_others_are_added() -> None:
    digests = _digests(3000)
    labels = [str(number % 10) for number in range(3000)]
    before = assign(digests[:2000], labels[:2000], [None] * 2000)
    after = assign(digests, labels, [None] * 3000)
    assert after[:2000] == before


def test_the_shares_are_those_stated_in_every_class() -> None:
    digests = _digests(20_000)
    labels = [str(number % 4) for number in range(20_000)]
    found = assign(digests, labels, [None] * 20_000)
    for label in "0123":
        counts = Counter(s for s, other in zip(found, labels, strict=True) if other == label)
        assert abs(counts["test"] / 5000 - SHARES["test"]) < 0.02
        assert abs(counts["validation"] / 5000 - SHARES["validation"]) < 0.02


def test_three_examples_of_each_class_fill_all_splits() -> None:
    for salt in "abcdef":
        digests = _digests(30, salt)
        labels = [str(number // 3) for number in range(30)]
        found = assign(digests, labels, [None] * 30)
        for number in range(0, 30, 3):
            assert sorted(found[number : number + 3]) == sorted(SPLITS)


def test_a_missing_split_is_made_from_training_examples_without_touching_the_given() -> None:
    digests = _digests(200)
    found = assign(digests, ["a"] * 200, ["train"] * 150 + ["test"] * 50)
    assert found[150:] == ["test"] * 50
    assert Counter(found[:150]).keys() == {"train", "validation"}
    assert all(place_of(d) < 0.10 for d, s in zip(digests, found, strict=True) if s == "validation")


def test_usual_names_of_splits() -> None:
    names = {"Train": "train", "val": "validation", "DEV": "validation", "valid": "validation"}
    assert {name: split_named(name) for name in names} == names
    assert split_named("testing") == "test" and split_named("cats") is None


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train-00000-of-00003.parquet", "train"),
        ("data/validation-00001-of-00002.parquet", "validation"),
        ("Validation set/cat/1.png", "validation"),
        ("test_images/1.png", "test"),
        ("dev.en.tsv", "validation"),
        ("train/testimony.txt", "train"),
        ("testimony.txt", None),
        ("trainers/1.txt", None),
    ],
)
def test_files_say_their_split_by_a_folder_or_their_name(path: str, split: str | None) -> None:
    assert split_of_file(PurePosixPath(path)) == split


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        ("seg_train seg_test", "train test"),
        ("seg_train seg_test seg_pred", "train test -"),
        ("Images-Train images-val test", "train validation test"),
        ("train a_train a_test", "train - -"),
        ("bullet_train eye_test car", "- - -"),
        ("bullet_train bullet_test car", "- - -"),
        ("a_train b_test", "- -"),
        ("a_val a_test", "- -"),
        ("_train _test", "- -"),
    ],
)
def test_ends_of_names_are_splits_only_among_their_like(names: str, splits: str) -> None:
    found = splits_named(names.split(), classes=True)
    assert [found.get(name, "-") for name in names.split()] == splits.split()


def test_files_may_end_in_splits_among_any_others() -> None:
    files = [
        "a_train.csv",
        "a_test.csv.gz",
        "b_dev.csv",
        "notes.csv",
        "x_train/1.csv",
        "x_val/1.csv",
    ]
    splits = ["train", "test", None, None, "train", "validation"]
    assert list(splits_of_files([PurePosixPath(name) for name in files]).values()) == splits
    assert splits_of_files([PurePosixPath("a_train.csv")]) == {PurePosixPath("a_train.csv"): None}
