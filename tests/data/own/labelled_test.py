"""Folders of classes and folders of splits give the same files with the same labels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perceiver_keras.data.own import labelled
from perceiver_keras.data.own.found import Place
from perceiver_keras.errors import UsageError


def _files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(os.fsencode(name))


def _look(root: Path, **kwargs) -> labelled.Labelled:
    place = Place(given=root, root=root, store=root.parent / "store")
    return labelled.look(place, "pictures", (".png", ".jpg"), **kwargs)


def _triples(found: labelled.Labelled) -> set:
    return {(draft.name, draft.label, draft.split) for draft in found.drafts}


def test_one_folder_per_class(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "cat/1.png", "cat/deep/2.JPG", "dog/1.png", "dog/notes.txt", "loose.png")
    found = _look(root)
    assert _triples(found) == {
        ("cat/1.png", "cat", None),
        ("cat/deep/2.JPG", "cat", None),
        ("dog/1.png", "dog", None),
    }
    assert found.passed == {"not pictures": 1, "in no folder of a class": 1}


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Dev"])
def test_folders_of_splits(tmp_path: Path, val: str) -> None:
    root = tmp_path / "mine"
    _files(
        root,
        "train/cat/1.png",
        "train/dog/2.png",
        f"{val}/cat/3.png",
        "test/dog/4.png",
        "extra/5.png",
    )
    found = _look(root)
    assert _triples(found) == {
        ("train/cat/1.png", "cat", "train"),
        ("train/dog/2.png", "dog", "train"),
        (f"{val}/cat/3.png", "cat", "validation"),
        ("test/dog/4.png", "dog", "test"),
    }
    assert found.passed == {"in no folder of a split": 1}


def test_names_of_folders_are_classes_as_they_are(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    latin = [os.fsdecode(name) for name in (b"caf\xe9", b"caf\xe8")]
    _files(root, *(f"{name}/1.png" for name in ("nan", "NaN", "1.0", "two  words", " ", *latin)))
    found = _look(root)
    labels = {"nan", "NaN", "1.0", "two words", r"caf\xe9", r"caf\xe8"}
    assert {draft.label for draft in found.drafts} == labels
    assert found.passed == {"in no folder of a class": 1}
    assert {draft.label for draft in _look(root, several=True).drafts} == {(x,) for x in labels}


@pytest.mark.parametrize("above", ["", "train/"])
@pytest.mark.parametrize("others", [(), ("b/1.png",)])
def test_folders_whose_names_differ_in_white_space_are_refused(tmp_path, above, others) -> None:
    root = tmp_path / "mine"
    _files(root, *(f"{above}{name}" for name in ("a b/1.png", "a  b /2.png", *others)))
    with pytest.raises(UsageError, match="the folders 'a  b ' and 'a b' would be one class, 'a b'"):
        _look(root)


def test_splits_may_spell_a_class_differently_and_case_makes_classes(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "train/a/1.png", "train/A/2.png", "test/a /3.png", "test/A/4.png")
    assert {(draft.name, draft.label) for draft in _look(root).drafts} == {
        *(
            ("train/a/1.png", "a"),
            ("train/A/2.png", "A"),
            ("test/a /3.png", "a"),
            ("test/A/4.png", "A"),
        )
    }


def test_folders_that_end_in_splits_perhaps_doubled(tmp_path: Path) -> None:
    """As Intel's scenes are unpacked."""
    root = tmp_path / "mine"
    splits = ("train", "test")
    _files(root, *(f"seg_{s}/seg_{s}/{c}/1.png" for s in splits for c in ("sea", "ice")))
    _files(root, "seg_pred/seg_pred/1.png")
    found = _look(root)
    assert {(draft.label, draft.split) for draft in found.drafts} == {
        *(("sea", "train"), ("ice", "train"), ("sea", "test"), ("ice", "test"))
    }
    assert found.passed == {"in no folder of a split": 1}


def test_a_class_of_trains_in_the_folder_train(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "train/train/1.png", "train/bus/1.png", "test/train/2.png", "test/bus/2.png")
    assert {(draft.label, draft.split) for draft in _look(root).drafts} == {
        *(("train", "train"), ("bus", "train"), ("train", "test"), ("bus", "test"))
    }


def test_a_class_may_be_named_like_a_split(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "test/1.png", "control/2.png")
    assert {draft.label for draft in _look(root).drafts} == {"test", "control"}


def test_files_without_classes_are_taken_where_that_is_allowed(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "1.png", "2.png")
    assert {draft.label for draft in _look(root, unlabelled=True).drafts} == {None}
    _files(root, "cat/3.png", "dog/4.png")
    with pytest.raises(UsageError, match="1.png"):
        _look(root, unlabelled=True)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "It is empty"),
        (("a/1.webm", "a/2.webm"), "It holds 2 .webm"),
        (("1.png", "2.png"), "CLASS/FILE"),
        (("a/1.png", "a/2.png"), "only one folder of a class"),
    ],
)
def test_what_has_no_layout_is_refused_with_the_layouts(tmp_path, names, words) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    _files(root, *names)
    with pytest.raises(UsageError, match=words):
        _look(root)


def test_folders_below_one_folder_and_without_a_class(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "images/cat/1.png", "images/dog/2.png", "images/unsup/3.png", "meta/notes.txt")
    found = _look(root)
    assert _triples(found) == {
        ("images/cat/1.png", "cat", None),
        ("images/dog/2.png", "dog", None),
    }
    assert found.passed == {"not pictures": 1, "in unsup": 1}


def test_lists_of_splits_are_kept_to(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    (root / "testing_list.txt").write_text("cat/1.png\ndog/2.png\n")
    found = _look(root)
    assert {d.name for d in found.drafts if d.split == "test"} == {"cat/1.png", "dog/2.png"}
    assert {d.name for d in found.drafts if d.split == "train"} == {"cat/2.png", "dog/1.png"}
    (root / "train_list.txt").write_text("cat/2.png\n")
    assert _look(root).passed["in no list of a split"] == 1
