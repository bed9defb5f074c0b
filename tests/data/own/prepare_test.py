"""A data set is written whole and once; corrupt files are left out by name, up to the stated share."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.own import found as f
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.data.store.left_out import read_letters
from perceiver_keras.errors import PerceiverError, UsageError


def _read(item: f.Item):
    content = item.source.read_bytes()
    if content.startswith(b"bad"):
        raise PerceiverError("not a text")
    yield {"text": content, "label": item.label}
    if content.startswith(b"two"):
        yield {"text": content.upper(), "label": item.label}


def _found(
    root: Path, count: int = 30, bad: tuple[int, ...] = (), content: bytes = b"text "
) -> f.Found:
    root.mkdir(exist_ok=True)
    for number in range(count):
        start = b"bad " if number in bad else content
        (root / f"{number}.txt").write_bytes(start + str(number).encode())
    drafts = [
        f.Draft(name=f"{number}.txt", source=root / f"{number}.txt", label="ab"[number % 2])
        for number in range(count)
    ]
    place = f.Place(given=root, root=root, store=root.parent / "store")
    return f.Found(
        kind="texts",
        place=place,
        layout="",
        items=f.to_items(drafts, place, "texts"),
        labels=("a", "b"),
        features={
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["a", "b"]),
        },
        read=_read,
    )


def test_what_was_found_is_on_disk_and_opens_by_its_name(tmp_path: Path) -> None:
    found, data_dir = _found(tmp_path / "mine"), str(tmp_path / "data")
    counted = []
    assert prepare(found, data_dir, progress=counted.append) == {}
    assert sum(counted) == 30
    builder = source.open_builder(found.dataset, data_dir)
    assert source.label_names(builder) == ["a", "b"]
    for split in ("train", "validation", "test"):
        stored = {example["text"].decode() for example in tfds.as_numpy(builder.as_dataset(split))}
        assert stored == {item.source.read_text() for item in found.in_split(split)}
    before = source.fingerprint(builder, ["train"])
    prepare(found, data_dir, progress=lambda count: pytest.fail("it was read again"))
    assert source.fingerprint(source.open_builder(found.dataset, data_dir), ["train"]) == before


def test_a_file_may_give_several_examples(tmp_path: Path) -> None:
    found = _found(tmp_path / "mine", content=b"two ")
    prepare(found, str(tmp_path / "data"))
    builder = source.open_builder(found.dataset, str(tmp_path / "data"))
    assert sum(info.num_examples for info in builder.info.splits.values()) == 60


def test_corrupt_files_are_left_out_named_and_kept_in_the_letters(tmp_path: Path) -> None:
    found, data = _found(tmp_path / "mine", bad=(3, 7)), tmp_path / "data"
    assert prepare(found, str(data), max_corrupt_share=0.1) == {
        "3.txt": "not a text",
        "7.txt": "not a text",
    }
    letters = data / "own_data" / "dead_letter" / f"{found.dataset.split('/')[1]}.jsonl"
    rows = [json.loads(line) for line in letters.read_text().splitlines()]
    assert {row["file"] for row in rows} == {"3.txt", "7.txt"}
    # Said again, and judged again, though the files are not read again.
    assert prepare(found, str(data), max_corrupt_share=0.1) == read_letters(letters)
    with pytest.raises(PerceiverError, match="2 of 30"):
        prepare(found, str(data), max_corrupt_share=0.05)
    builder = source.open_builder(found.dataset, str(data))
    assert sum(info.num_examples for info in builder.info.splits.values()) == 28


def test_too_many_corrupt_files_stop_it_and_leave_no_data_set(tmp_path: Path) -> None:
    found, data = _found(tmp_path / "mine", bad=(3, 7)), tmp_path / "data"
    with pytest.raises(PerceiverError) as raised:
        prepare(found, str(data), max_corrupt_share=0.05)
    message = str(raised.value)
    assert "2 of 30 can't be read: " in message and "3.txt (not a text)" in message
    share = float(message.split("data.max_corrupt_share=")[1].split(".  ")[0].split(". ")[0])
    assert not any((data / "own_data").glob("texts-*/1.0.0"))
    assert len(prepare(found, str(data), max_corrupt_share=share)) == 2


def test_a_split_of_nothing_but_corrupt_files_stops_it(tmp_path: Path) -> None:
    whole = _found(tmp_path / "mine")
    bad = tuple(int(item.name.split(".")[0]) for item in whole.in_split("test"))
    for number in bad:
        whole.items[number].source.write_bytes(b"bad")
    with pytest.raises(PerceiverError, match="nothing is left for test"):
        prepare(whole, str(tmp_path / "data"), max_corrupt_share=1.0)


def test_the_user_s_own_folder_is_never_written_into(tmp_path: Path) -> None:
    found = _found(tmp_path / "mine")
    before = sorted(os.listdir(tmp_path / "mine"))
    with pytest.raises(UsageError, match="add --data"):
        prepare(found, str(tmp_path / "mine"))
    assert sorted(os.listdir(tmp_path / "mine")) == before


def test_a_file_that_changes_after_the_look_is_left_out(tmp_path: Path) -> None:
    """Its name in the digest would stand for other bytes for ever."""
    found = _found(tmp_path / "mine")
    (tmp_path / "mine" / "3.txt").write_bytes(b"other")
    (tmp_path / "mine" / "4.txt").unlink()
    left = prepare(found, str(tmp_path / "data"), max_corrupt_share=0.1)
    assert set(left) == {"3.txt", "4.txt"} and "changed after" in left["3.txt"]
