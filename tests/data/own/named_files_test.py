"""A cell names one file: where it lies, or where it lies now, and never another one of the same name."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_keras.data.own.named_files import NamedFiles

FILES = ("img/one/1.png", "img/two/2.png", "train/5.png", "test/5.png", "top.png", "v1.2.png")


@pytest.mark.parametrize(
    ("cell", "want"),
    [
        ("img/one/1.png", ["img/one/1.png"]),
        ("./img/one/1", ["img/one/1.png"]),
        (" img\\one\\1.png ", ["img/one/1.png"]),
        ("1.png", ["img/one/1.png"]),
        ("one/1.png", ["img/one/1.png"]),
        ("/old/machine/img/one/1.png", ["img/one/1.png"]),
        ("C:\\data\\img\\one\\1.png", ["img/one/1.png"]),
        ("https://example.org/img/one/1.png", ["img/one/1.png"]),
        ("gone/top.png", ["top.png"]),
        ("v1.2", ["v1.2.png"]),
        ("img/three/1.png", []),
        ("two/1.png", []),
        ("5", ["test/5.png", "train/5.png"]),
        ("nothing.png", []),
        ("", []),
        ("/", []),
        ("x\0y", []),
        ("x" * 5000, []),
    ],
)
def test_what_a_cell_names(tmp_path: Path, cell: str, want: list[str]) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    files = NamedFiles(tmp_path, [".png"])
    found = files.find(tmp_path / "labels.csv", cell)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in found) == want
    assert files.only(tmp_path / "labels.csv", cell) == (found[0] if len(found) == 1 else None)


def test_the_split_or_the_table_tells_files_of_one_name_apart(tmp_path: Path) -> None:
    for name in ("train/5.png", "test/5.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    files = NamedFiles(tmp_path, [".png"])
    assert files.find(tmp_path / "train.csv", "5") == [tmp_path / "train/5.png"]
    assert files.find(tmp_path / "labels.csv", "5", "test") == [tmp_path / "test/5.png"]


def test_a_name_without_suffix_may_fit_several_files_of_one_folder(tmp_path: Path) -> None:
    for name in ("x/3.jpg", "x/3.PNG", "x/4.JPG", "x/5.jpg", "x/5.txt", "y/5.jpg", "meta/t.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for root in (tmp_path, tmp_path / "meta"):  # the files are listed, or lie beyond
        files = NamedFiles(root, [".jpg", ".png"])
        listed = root == tmp_path
        found = [files.find(tmp_path / "meta/t.csv", f"../x/{name}") for name in "345"]
        several = ["x/3.PNG", "x/3.jpg"] if listed else ["x/3.jpg"]
        want = [several, ["x/4.JPG"] if listed else [], ["x/5.jpg"]]
        assert found == [[tmp_path / name for name in names] for names in want]
        assert files.find(tmp_path / "meta/t.csv", "../x/3.jpg") == [tmp_path / "x/3.jpg"]


def test_a_table_in_its_own_folder_may_lead_out_of_it(tmp_path: Path) -> None:
    for name in ("audio/1.wav", "meta/t.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    files = NamedFiles(tmp_path, [".wav"])
    assert files.find(tmp_path / "meta/t.csv", "../audio/1.wav") == [tmp_path / "audio/1.wav"]
