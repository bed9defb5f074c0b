"""Columns of splits, numbered folds and lists of files are kept to, and what is unclear is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_keras.data.own import given_splits, tables
from perceiver_keras.data.own.files import listing
from perceiver_keras.data.own.named_files import NamedFiles
from perceiver_keras.errors import UsageError


def _of(tmp_path: Path, column: str, cells: list[str]) -> tuple[list[str | None], str]:
    path = tmp_path / "t.csv"
    path.write_text(f"text,{column}\n" + "".join(f"a,{cell}\n" for cell in cells))
    return given_splits.of_rows(tables.read(path))


def test_a_column_of_splits_is_kept_to_and_may_have_gaps(tmp_path: Path) -> None:
    assert _of(tmp_path, "Split", ["train", "Dev", "", "TEST"])[0] == [
        *("train", "validation", None, "test")
    ]


def test_of_numbered_folds_the_last_tests_and_the_one_before_validates(tmp_path: Path) -> None:
    splits, told = _of(tmp_path, "fold", ["10", "1", "9", "2"])
    assert splits == ["test", "train", "validation", "train"]
    assert "10 tests" in told and "9 validates" in told
    # CelebA's partitions are 0 to train, 1 to validate, 2 to test.
    assert _of(tmp_path, "partition", ["2", "0", "1"])[0] == ["test", "train", "validation"]


@pytest.mark.parametrize(
    ("column", "cells"),
    [("set", ["Lego", "Star Wars"]), ("set", ["1", "2", "3"]), ("fold", ["0", "1"])],
)
def test_other_columns_of_that_name_say_nothing(tmp_path: Path, column: str, cells) -> None:
    assert _of(tmp_path, column, cells) == ([None] * len(cells), "")


def test_an_unknown_name_next_to_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'test_matched' next to names of splits"):
        _of(tmp_path, "split", ["train", "test_matched"])


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("subset,split", ["small,train", "large,test"]),
        ("fold,split", ["1,train", "2,test", "3,test"]),
        ("set,split", ["train,train", "train,test"]),
        ("split,subset", ["clean,train", "noisy,test"]),
        ("split,fold,set", [",1,train", ",2,test", ",3,test"]),
    ],
)
def test_no_column_hides_a_likelier_one(tmp_path: Path, columns: str, rows: list[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join([f"text,{columns}", *(f"a,{row}" for row in rows)]))
    want = ["train", "test", "test"][: len(rows)]
    assert given_splits.of_rows(tables.read(path)) == (want, "")


def _lists(root: Path, **texts: str) -> dict[str, str] | None:
    for name in ("yes/1.wav", "yes/2.wav", "no/1.wav", "no/2 b.wav"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    for name, text in texts.items():
        (root / f"{name}.txt").write_text(text)
    named = NamedFiles(root, [".wav"])
    found = given_splits.of_lists(listing(root), named.only)
    return found and {
        path.relative_to(root).as_posix(): split
        for path, split in found.items()
        if path.suffix == ".wav"
    }


def test_lists_of_speech_commands_leave_the_rest_to_train(tmp_path: Path) -> None:
    assert _lists(tmp_path, validation_list="yes/1.wav\n", testing_list="no/2 b.wav\n") == {
        "yes/1.wav": "validation",
        "no/2 b.wav": "test",
        "yes/2.wav": "train",
        "no/1.wav": "train",
    }


def test_lists_without_suffixes_or_with_numbers_of_classes(tmp_path: Path) -> None:
    # Food-101 leaves the suffix out; UCF101 writes the class's number behind the path.
    assert _lists(tmp_path, train="yes/1\nno/1\n", testlist01="yes/2.wav 1\nno/2 b.wav 2\n") == {
        "yes/1.wav": "train",
        "no/1.wav": "train",
        "yes/2.wav": "test",
        "no/2 b.wav": "test",
    }


def test_texts_that_name_no_files_are_no_lists(tmp_path: Path) -> None:
    assert _lists(tmp_path, test="this is how we test\n", train="") is None


def test_a_file_in_two_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is listed for test and train"):
        _lists(tmp_path, train="yes/1.wav\n", test="yes/1.wav\n")
