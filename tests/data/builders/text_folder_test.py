"""A folder of texts as a data set: no byte is lost, files stay in one split, and small folders work."""

from __future__ import annotations

import pytest
import tensorflow_datasets as tfds
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.builders.text_folder import text_folder_dataset_builder as texts
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError

LINES = st.lists(st.integers(1, 3 * texts.LONGEST // 2), min_size=1, max_size=12)


@given(sizes=LINES, last=st.booleans())
def test_documents_are_whole_lines_and_nothing_is_lost(sizes, last):
    content = b"\n".join(b"x" * (size - 1) for size in sizes) + b"\n" * last
    found = texts.documents(content)
    kept = b"".join(found)
    assert kept.replace(b"\n", b"") == content.replace(b"\n", b"")
    assert all(0 < len(document) <= texts.LONGEST for document in found)
    for before, after in zip(found, found[1:], strict=False):
        # Cut at the end of a line, or within one that is too long for a document.
        assert before.endswith(b"\n") or (before + after).split(b"\n")[before.count(b"\n")].strip()
        first = after.split(b"\n")[0] + b"\n"
        assert len(before) + min(len(first), texts.LONGEST) > texts.LONGEST


def prepared(tmp_path, files):
    folder = tmp_path / "manual" / "text_folder"
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    builder = source.open_builder("text_folder", str(tmp_path))
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
    long = b"".join(b"%9d\n" % number for number in range(5000))  # four documents
    many = {f"{number}.txt": long for number in range(texts.FEW)}
    _, found = prepared(tmp_path / "many", many)
    splits = [{file for file, _ in rows} for rows in found.values()]
    assert sum(map(len, splits)) == len(set().union(*splits)) == texts.FEW
    assert sorted(name for rows in splits for name in rows) == sorted(many)
    longer = b"".join(b"%9d\n" % number for number in range(80_000))
    _, found = prepared(tmp_path / "few", {"only.txt": longer})
    assert sorted(found) == ["test", "train", "validation"]
    assert len(found["train"]) > 0.8 * sum(map(len, found.values()))
    parts = sorted(text for rows in found.values() for _, text in rows)
    assert b"".join(parts) == longer  # numbers sort as they are written


def test_a_split_that_nothing_falls_into_is_left_out(tmp_path):
    """As one short file does: TFDS itself fails on a split without examples."""
    builder, found = prepared(tmp_path, {"only.txt": b"a line\n"})
    (split,) = found
    assert found[split] == [("only.txt", b"a line\n")]
    missing = {"train", "validation", "test"} - {split}
    with pytest.raises(UsageError, match=f"It has {split}"):
        source.builder_records(builder, missing.pop())


def test_a_folder_without_texts_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"text_folder holds no \.txt, \.md, \.rst files"):
        prepared(tmp_path, {"a.py": b"x = 1\n"})
