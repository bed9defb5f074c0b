"""What was found has a name that is determined by its content, and a table that people can read."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path, PurePosixPath

import pytest

from perceiver_keras.data.own import found as f
from perceiver_keras.errors import UsageError


def _found(tmp_path: Path, contents: dict[str, bytes], **kwargs) -> f.Found:
    drafts = [
        f.Draft(name=name, source=None, content=content, label=name[0])
        for name, content in contents.items()
    ]
    place = f.Place(given=tmp_path, root=tmp_path, store=tmp_path)
    items = f.to_items(drafts, place, "pictures")
    values = {"kind": "pictures", "place": place, "layout": "a folder", "items": items}
    values |= {"labels": ("a", "b"), "features": {"image": None}, "read": iter}
    return f.Found(**values | kwargs)


CONTENTS = {f"{'ab'[n % 2]}{n}": bytes([n]) for n in range(40)}


def test_the_name_follows_contents_labels_and_splits_but_not_the_place(tmp_path: Path) -> None:
    found = _found(tmp_path, CONTENTS)
    assert found.dataset == _found(tmp_path / "moved", CONTENTS).dataset
    assert found.dataset == _found(tmp_path, dict(reversed(CONTENTS.items()))).dataset
    first, *rest = found.items
    others = {
        _found(tmp_path, CONTENTS | {"a0": b"changed"}).dataset,
        _found(tmp_path, CONTENTS | {"a99": b"new"}).dataset,
        _found(tmp_path, CONTENTS, labels=("b", "a")).dataset,
        dataclasses.replace(found, items=(dataclasses.replace(first, label="b"), *rest)).dataset,
        dataclasses.replace(found, items=(dataclasses.replace(first, name="x"), *rest)).dataset,
        dataclasses.replace(found, measured={"window": 1.0}).dataset,
        dataclasses.replace(found, measured={"window": 2.0}).dataset,
    }
    assert len(others) == 7 and found.dataset not in others


def test_files_and_contents_are_hashed_alike(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"same")
    items = f.to_items(
        [
            f.Draft(name="file", source=tmp_path / "x", label="a"),
            f.Draft(name="row", source=3, content=b"same", label="a"),
        ],
        f.Place(given=tmp_path, root=tmp_path, store=tmp_path, judging=True),
        "files",
    )
    assert items[0].digest == items[1].digest and items[0].split == items[1].split


def test_the_table_has_counts_and_what_was_passed_over(tmp_path: Path) -> None:
    found = _found(tmp_path, CONTENTS, passed={"hidden": 3}, notes=["a note."])
    rows = dict(found.rows())
    splits = {split: len(found.in_split(split)) for split in ("train", "validation", "test")}
    assert sum(splits.values()) == 40
    assert rows["examples"] == "40: " + ", ".join(f"{n} {split}" for split, n in splits.items())
    assert rows["classes"] == "2: a 20, b 20" and rows["passed over"] == "3 hidden"
    assert found.counts()["a"] == 20 and found.counts("test").total() == splits["test"]
    assert all(text in str(found) for _, text in found.rows())


def test_content_in_several_given_splits_is_said(tmp_path: Path) -> None:
    found = _found(tmp_path, CONTENTS)
    first, second, *rest = found.items
    twice = dataclasses.replace(second, digest=first.digest, split="test")
    found = dataclasses.replace(
        found, items=(dataclasses.replace(first, split="train"), twice, *rest)
    )
    assert "1 contents are in several" in dict(found.rows())["note"]


def test_many_classes_are_summarised(tmp_path: Path) -> None:
    found = _found(tmp_path, CONTENTS, labels=tuple(f"class {n}" for n in range(1000)))
    assert "and 988 more" in dict(found.rows())["classes"]


def test_classes_are_in_the_order_of_their_numbers() -> None:
    assert f.class_order(["10", "9", "b", "a", "9"]) == ("9", "10", "a", "b")
    assert f.class_order(["class 10", "class 2"]) == ("class 2", "class 10")
    assert f.class_order(["²", "x"]) == ("x", "²")  # a digit that is no decimal


def test_paths_that_differ_are_shown_differently() -> None:
    names = [
        b"a/caf\xe9",
        b"a/caf\xe8",
        rb"a/caf\xe9",
        rb"a/caf\\xe9",
        "a/caf\ufffd".encode(),
        "é".encode(),
    ]
    texts = [f.shown(PurePosixPath(os.fsdecode(name))) for name in names]
    assert len(set(texts)) == len(names) and texts[0] == r"a/caf\xe9" and texts[-1] == "é"
    assert all(text.encode() for text in texts)


def test_a_class_whose_name_is_not_unicode_is_refused(tmp_path: Path) -> None:
    place = f.Place(given=tmp_path, root=tmp_path, store=tmp_path)
    with pytest.raises(UsageError, match=r"class 'c\\udce9t' can't be stored.*rename its folder"):
        f.classes(["cat", os.fsdecode(b"c\xe9t")], place)


@pytest.mark.parametrize("model", [None, ("caf\u00e9", "x"), ("cafe\u0301", "x")])
def test_classes_that_look_equal_are_one_spelled_as_the_model_does(tmp_path, model) -> None:
    place = f.Place(given=tmp_path, root=tmp_path, store=tmp_path, labels=model, judging=True)
    labels = ["caf\u00e9", "cafe\u0301", "x", 1.5, None]
    drafts = [f.Draft(name=str(n), source=n, content=b"x", label=n) for n in labels]
    drafts.append(f.Draft(name="y", source=0, content=b"x", label=tuple(labels[:3])))
    own = model[0] if model else "caf\u00e9"
    found = [item.label for item in f.to_items(drafts, place, "files")]
    assert found == [own, own, "x", 1.5, None, (own, "x")]
    assert f.classes([own, "x"], place) == (own, "x")


def test_too_few_examples_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 pictures are too few .* at least 3 different"):
        _found(tmp_path, {"a1": b"1", "b1": b"2"})
    rare = _found(tmp_path, CONTENTS | {"c1": b"c"}).items
    notes = f.class_notes(rare, ["a", "b", "c"])
    assert len(notes) == 2 and all("no example of c" in note for note in notes)


@pytest.mark.parametrize("given", ["train", None])
def test_a_test_split_that_is_a_copy_is_told_as_the_reason(tmp_path: Path, given) -> None:
    place = f.Place(given=tmp_path, root=tmp_path, store=tmp_path)
    drafts = [
        f.Draft(name=f"{split} {n}", source=n, content=bytes([n]), label="ab"[n % 2], split=split)
        for split in (given, "test")
        for n in range(12)
    ]
    absent = "validation" if given else "train"
    words = f"12 of the 12 pictures outside of test are copies of those in it, .*without them {absent} has none"
    with pytest.raises(UsageError, match=words):
        f.to_items(drafts, place, "pictures")


def test_copies_are_no_different_examples(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"40 pictures \(2 different contents\) are too few"):
        _found(tmp_path, {f"a{n}": bytes([n % 2]) for n in range(40)})


def test_a_model_is_judged_on_all_or_on_the_datas_own_test_split(tmp_path: Path) -> None:
    place = f.Place(given=tmp_path, root=tmp_path, store=tmp_path, labels=("b", "a"), judging=True)
    drafts = [
        f.Draft(name=str(n), source=None, content=bytes([n]), label="ab"[n % 2]) for n in range(4)
    ]
    assert {item.split for item in f.to_items(drafts, place, "files")} == {"test"}
    drafts.append(f.Draft(name="x", source=None, content=b"x", label="a", split="test"))
    assert [item.split for item in f.to_items(drafts, place, "files")] == ["train"] * 4 + ["test"]
    assert f.classes(["a"], place) == ("b", "a")
    with pytest.raises(UsageError, match="the model has no class 'c'"):
        f.classes(["a", "c"], place)


def test_content_with_several_labels_is_said(tmp_path: Path) -> None:
    assert "several labels" not in str(_found(tmp_path / "a", CONTENTS))
    found = _found(tmp_path / "b", CONTENTS | {"a9": b"same", "b9": b"same"})
    assert "1 content has several labels." in str(found)
