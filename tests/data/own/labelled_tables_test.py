"""Tables of paths and labels give the files with their labels, looked at through `labelled.look`."""

from __future__ import annotations

import json
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


def test_a_table_names_paths_and_labels(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "a/1.png", "a/2.png", "images/3.png", "4.jpg", "5.png")
    rows = "filename,label,split\na/1.png,cat,train\na\\2.png,dog,val\n3,cat,test\n4,dog,\nnone.png,cat,\n5.png,,\n"
    (root / "labels.csv").write_text(rows)
    want = {
        ("a/1.png", "cat", "train"),
        ("a/2.png", "dog", "validation"),
        ("images/3.png", "cat", "test"),
        ("4.jpg", "dog", None),
    }
    for path in (root, root / "labels.csv"):
        found = _look(path)
        assert _triples(found) == want
        assert found.passed == {"rows whose file does not exist": 1, "rows without a label": 1}


def test_tables_named_by_their_split(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "x/1.png", "x/2.png", "x/3.png", "x/4.png")
    rows = [{"file_name": f"x/{n}.png", "label": n % 2} for n in (1, 2)]
    (root / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (root / "test.tsv").write_text("path\tclass\nx/3.png\t0\nx/4.png\t1\n")
    assert _triples(_look(root)) == {
        ("x/1.png", "1", "train"),
        ("x/2.png", "0", "train"),
        ("x/3.png", "0", "test"),
        ("x/4.png", "1", "test"),
    }


def test_kinetics_tables_name_videos_by_id_and_times(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(
        root,
        "train/aB-c_000010_000020.png",
        "train/xyz_000000_000010.png",
        "val/qqq_000001_000011.png",
    )
    head = "label,youtube_id,time_start,time_end,split\n"
    (root / "annotations").mkdir()
    (root / "annotations/train.csv").write_text(
        f"{head}juggling,aB-c,10,20,train\nrunning,xyz,0,10,train\n"
    )
    (root / "annotations/val.csv").write_text(
        f"{head}juggling,qqq,1,11,validate\nrunning,gone,1,11,validate\n"
    )
    found = _look(root, timed=True)  # the times are those of what the files were cut from
    assert {draft.part for draft in found.drafts} == {None}
    assert {(draft.source.name[:3], draft.label, draft.split) for draft in found.drafts} == {
        ("aB-", "juggling", "train"),
        ("xyz", "running", "train"),
        ("qqq", "juggling", "validation"),
    }
    assert found.passed["rows whose file does not exist"] == 1


def test_several_labels_per_file(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "1.png", "2.png", "3.png")
    (root / "labels.csv").write_text(
        "path,labels\n1.png,dog; rain\n2.png,rain\n3.png,dog;cat;dog\n"
    )
    labels = {draft.name: draft.label for draft in _look(root, several=True).drafts}
    assert labels == {"1.png": ("dog", "rain"), "2.png": ("rain",), "3.png": ("dog", "cat")}


@pytest.mark.parametrize("mark", [";", "|"])
def test_a_comma_separates_labels_only_where_nothing_else_does(tmp_path: Path, mark: str) -> None:
    """AudioSet's names hold commas; which mark separates them may show in the table of one split alone."""
    root = tmp_path / "mine"
    _files(root, *(f"{n}.png" for n in range(6)))
    rows = ["Music{}Guitar, acoustic", "Speech", "Speech"]
    train = "".join(f'{n}.png,"{row.format(mark)}"\n' for n, row in enumerate(rows))
    (root / "train.csv").write_text(f"path,labels\n{train}")
    (root / "test.csv").write_text(
        'path,labels\n3.png,"Guitar, acoustic"\n4.png,Speech\n5.png,"Guitar, acoustic"\n'
    )
    found = _look(root, several=True)
    guitar, speech = ("Guitar, acoustic",), ("Speech",)
    assert {draft.name: draft.label for draft in found.drafts} == {
        **{"0.png": ("Music", *guitar), "1.png": speech, "2.png": speech},
        **{"3.png": guitar, "4.png": speech, "5.png": guitar},
    }
    assert f"labels separated by {mark!r}" in found.layout
    for name in ("train.csv", "test.csv"):
        text = (root / name).read_text().replace(mark, ",")
        (root / name).write_text(text)
    found = _look(root, several=True)
    assert {name for draft in found.drafts for name in draft.label} == {
        *("Music", "Guitar", "acoustic", "Speech")
    }
    assert "labels separated by ','" in found.layout


def test_one_label_with_a_mark_is_one_label(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, *(f"{n}.png" for n in range(4)))
    (root / "labels.csv").write_text(
        "path,label\n" + "".join(f'{n}.png,"a;{n % 2}, b|c"\n' for n in range(4))
    )
    assert {draft.label for draft in _look(root).drafts} == {"a;0, b|c", "a;1, b|c"}


def test_several_labels_may_be_combined_differently_in_each_row(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    pairs = [(a, b) for a in "abcd" for b in "wxyz"]
    _files(root, *(f"{n}.png" for n in range(len(pairs))))
    want = {f"{n}.png": pair for n, pair in enumerate(pairs)}
    (root / "labels.csv").write_text(
        "path,labels\n" + "".join(f"{name},{'|'.join(pair)}\n" for name, pair in want.items())
    )
    assert {d.name: d.label for d in _look(root, several=True).drafts} == want
    (root / "labels.csv").unlink()
    (root / "labels.jsonl").write_text(
        "\n".join(json.dumps({"path": name, "labels": pair}) for name, pair in want.items())
    )
    assert {d.name: d.label for d in _look(root, several=True).drafts} == want


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("cat", "all rows have the label 'cat'"),
        ("person{n}", "every row has another label"),
        ("", "it is empty"),
    ],
)
def test_no_column_stands_in_for_one_named_label(tmp_path: Path, label: str, why: str) -> None:
    root = tmp_path / "mine"
    _files(root, *(f"{n}.png" for n in range(12)))
    rows = [f"{n}.png,{label.format(n=n)},camera{n % 2}" for n in range(12)]
    (root / "list.csv").write_text("\n".join(["path,label,camera", *rows]))
    for path in (root, root / "list.csv"):
        with pytest.raises(UsageError) as raised:
            _look(path)
        assert f"list.csv: there is nothing to learn from the column 'label': {why}." in str(
            raised.value
        )
        assert "If another column holds the labels, call that label." in str(raised.value)
    # Folders of classes are what such a table tells about.
    _files(root, "a/1.png", "b/2.png")
    assert {draft.label for draft in _look(root).drafts} == {"a", "b"}


def test_a_table_without_labels_does_not_hide_the_folders(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "cat/1.png", "dog/2.png")
    (root / "sizes.csv").write_text("name,width\na,3\nb,4\n")
    assert {draft.label for draft in _look(root).drafts} == {"cat", "dog"}


def test_names_are_unique_printable_and_one_line(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for split in ("train", "test"):
        _files(root, f"{split}/1.png", f"{split}/2.png")
        (root / split / "metadata.csv").write_text(
            'file_name,label\n1.png,"two\nlines "\n2.png,b\n'
        )
    drafts = _look(root).drafts
    assert {draft.name for draft in drafts} == {
        "train/1.png",
        "train/2.png",
        "test/1.png",
        "test/2.png",
    }
    assert {draft.label for draft in drafts} == {"two lines", "b"}
    odd = tmp_path / "odd"
    _files(odd, "a/1.png", "b/1.png")
    for name in (b"caf\xe9.png", b"caf\xe8.png"):  # Latin-1
        (odd / "a" / os.fsdecode(name)).write_bytes(b"x")
    names = {draft.name for draft in _look(odd).drafts}
    assert {r"a/caf\xe9.png", r"a/caf\xe8.png"} < names


def test_a_table_without_names_of_columns_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "1.png", "2.png", "3.png")
    (root / "labels.csv").write_text("1.png,a\n2.png,b\n3.png,a\n")
    with pytest.raises(UsageError, match="line 1 must name the columns"):
        _look(root)


def test_rows_that_all_fit_several_files_are_said_to(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, *(f"{n}.{kind}" for n in range(4) for kind in ("png", "jpg")))
    rows = "\n".join(f"{n},{'ab'[n % 2]}" for n in range(4))
    (root / "labels.csv").write_text(f"path,label\n{rows}\n")
    with pytest.raises(UsageError, match="4 rows that fit several files.*folder and suffix"):
        _look(root)


def test_rows_about_the_same_part_of_a_file_are_joined(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "1.png", "2.png")
    rows = ["1.png,0,2,a", "1.png,2,4,b", "1.png,2.0,4.0,c;b", "1.png,0,2,a", "2.png,,,c"]
    (root / "labels.csv").write_text("\n".join(["path,start,end,label", *rows]))
    found = _look(root, several=True, timed=True)
    assert [(draft.name, draft.part, draft.label) for draft in found.drafts] == [
        ("1.png 0-2 s", (0, 2), ("a",)),
        ("1.png 2-4 s", (2, 4), ("b", "c")),
        ("2.png", None, ("c",)),
    ]
    assert found.passed == {"rows that say the same again": 1}
    assert found.layout.endswith("; parts of files by the columns 'start' and 'end'")
    with pytest.raises(UsageError, match="1.png has 2 rows that differ; give each file one row.$"):
        _look(root)  # what has no length has no parts


def test_two_rows_about_a_whole_sound_are_told_of_the_columns_of_times(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "1.png", "2.png")
    (root / "labels.csv").write_text("path,label\n1.png,a\n1.png,b\n2.png,a\n")
    with pytest.raises(
        UsageError, match="2 rows .* separated by ;. .* columns named start and end"
    ):
        _look(root, several=True, timed=True)


def test_a_file_with_two_rows_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "1.png", "2.png")
    (root / "labels.csv").write_text("path,label\n1.png,a\n1.png,b\n2.png,a\n")
    with pytest.raises(UsageError, match="2 rows"):
        _look(root)


def test_a_competition_has_a_table_per_split_and_the_same_names_in_each(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, *(f"{split}/{n}.png" for split in ("train", "test") for n in range(4)))
    (root / "train.csv").write_text("id,label\n" + "".join(f"{n},{n % 2}\n" for n in range(4)))
    (root / "test.csv").write_text("id\n0\n1\n2\n3\n")
    (root / "sample_submission.csv").write_text("id,label\n0,1\n1,0\n2,1\n3,1\n")
    found = _look(root)
    assert _triples(found) == {(f"train/{n}.png", str(n % 2), "train") for n in range(4)}
    assert found.passed == {"pictures in no row": 4}


def test_a_table_in_a_folder_of_its_own_wins_over_folders_of_folds(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    rows = [(f"{n}.png", n % 3 + 1, "ab"[n % 2]) for n in range(6)]
    _files(root, *(f"audio/fold{fold}/{name}" for name, fold, _ in rows))
    with pytest.raises(UsageError, match="fold1, fold2, fold3 are folds, not classes"):
        _look(root / "audio")
    (root / "meta").mkdir()
    (root / "meta/all.csv").write_text(
        "slice_name,fold,class\n"
        + "".join(f"{name},{fold},{label}\n" for name, fold, label in rows)
    )
    found = _look(root)
    splits = {1: "train", 2: "validation", 3: "test"}
    assert _triples(found) == {
        (f"audio/fold{fold}/{name}", label, splits[fold]) for name, fold, label in rows
    }
    assert "3 tests and 2 validates" in found.layout


def test_rows_and_files_that_are_not_taken_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, "a/1.png", "b/1.png", "b/2.png", "b/3.png", "0.png", "c/4.png")
    (root / "labels.csv").write_text(
        "path,label\nb/2.png,1.0\n1.png,2.0\nb/2.png,1.0\nc/3.png,2.0\nb/3.png,NaN\n0,2.0\n"
    )
    found = _look(root)
    assert _triples(found) == {("b/2.png", "1", None), ("0.png", "2", None)}
    assert found.passed == {
        "rows that fit several files": 1,
        "rows that say the same again": 1,
        "rows whose file does not exist": 1,
        "rows without a label": 1,
        "pictures in no row": 3,
    }


def test_ids_that_all_fit_two_files_are_said_to(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    _files(root, *(f"{folder}/{n}.png" for folder in "ab" for n in range(4)))
    (root / "labels.csv").write_text("id,label\n" + "".join(f"{n},{n % 2}\n" for n in range(4)))
    with pytest.raises(UsageError, match="just one file .*4 rows that fit several files"):
        _look(root)
