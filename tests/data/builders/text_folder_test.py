"""A folder of texts as a data set: no byte is lost, files stay in one split, and small folders work."""

from __future__ import annotations

import codecs

import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.own import documents
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError


def prepared(tmp_path, files, share=None):
    folder = tmp_path / "manual" / "text_folder"
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    builder = source.open_builder("text_folder", str(tmp_path), max_corrupt_share=share)
    return builder, {
        split: [(row["file"].decode(), row["text"]) for row in tfds.as_numpy(dataset)]
        for split, dataset in builder.as_dataset().items()
    }


def test_folders_of_splits_are_the_splits_and_any_bytes_are_kept(tmp_path):
    files = {
        "train/deep/a.txt": b"latin: \xe9\xff\n",
        "train/b.MD": b"# title\n",
        "test/c.rst": b"c\n",
        "validation/d.txt": b"d\n",
        "test/not.py": b"x = 1\n",
    }
    _, found = prepared(tmp_path, files)
    assert {split: sorted(rows) for split, rows in found.items()} == {
        "train": [("train/b.MD", b"# title\n"), ("train/deep/a.txt", b"latin: \xe9\xff\n")],
        "validation": [("validation/d.txt", b"d\n")],
        "test": [("test/c.rst", b"c\n")],
    }


def test_a_file_of_many_is_in_one_split_and_one_of_few_is_shared_out(tmp_path):
    many = {
        f"{number}.txt": b"".join(b"%9d\n" % (number + n) for n in range(5000))  # four documents
        for number in range(documents.FEW)
    }
    many["copy.txt"] = many["7.txt"]
    _, found = prepared(tmp_path / "many", many)
    splits = [{file for file, _ in rows} for rows in found.values()]
    assert sum(map(len, splits)) == len(set().union(*splits)) == documents.FEW + 1
    assert any({"copy.txt", "7.txt"} <= files for files in splits)
    longer = b"".join(b"%9d\n" % number for number in range(80_000))
    _, found = prepared(tmp_path / "few", {"only.txt": longer})
    assert sorted(found) == ["test", "train", "validation"]
    assert len(found["train"]) > 0.5 * sum(map(len, found.values()))
    parts = sorted(text for rows in found.values() for _, text in rows)
    assert b"".join(parts) == longer  # numbers sort as they are written


def test_one_file_of_some_kilobytes_fills_three_splits(tmp_path):
    _, found = prepared(tmp_path, {"a.txt": b"".join(b"line %d\n" % n for n in range(3000))})
    assert set(found) == {"train", "validation", "test"}


def test_too_little_for_three_splits_trains_and_it_is_said(tmp_path, caplog):
    builder, found = prepared(tmp_path, {"only.txt": b"a line\n"})
    assert found == {"train": [("only.txt", b"a line\n")]}
    assert "nothing is left for validation and test" in caplog.text
    with pytest.raises(UsageError, match="It has train"):
        source.builder_records(builder, "test")


def test_marked_utf_16_is_decoded_and_unmarked_is_left_out_by_name(tmp_path):
    text = "".join(f"größer {n}\n" for n in range(400))
    files = {f"{n}.txt": f"{n}\n{text}".encode() for n in range(7)}
    files["windows.txt"] = codecs.BOM_UTF16_LE + text.encode("utf-16-le")
    files["mark.md"] = codecs.BOM_UTF8 + text.encode()
    files["unmarked.txt"] = text.encode("utf-16-le")
    with pytest.raises(PerceiverError, match=r"1 of 10 can't be read: unmarked.txt \(.*UTF-16LE"):
        prepared(tmp_path, files)
    _, found = prepared(tmp_path, files, 0.1)
    kept = {name: b"" for name in files}
    for name, content in sorted(row for rows in found.values() for row in rows):
        assert content.decode()
        kept[name] += content
    assert kept.pop("unmarked.txt") == b""
    for name in ("windows.txt", "mark.md"):
        assert sorted(kept[name].decode().splitlines()) == sorted(text.splitlines())


def test_left_overs_are_no_texts(tmp_path):
    files = {f"{n}.txt": b"%d some words\n" % n * 300 for n in range(3)}
    others = (".ipynb_checkpoints/0.txt", "._0.txt", "__MACOSX/0.txt", "0.txt.bak", "d.txt/x.py")
    _, found = prepared(tmp_path, files | {name: b"no\n" for name in others} | {"e.md": b""})
    assert {file for rows in found.values() for file, _ in rows} == set(files)


def test_a_folder_without_texts_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"text_folder holds no \.txt, \.md, \.rst files"):
        prepared(tmp_path, {"a.py": b"x = 1\n"})
