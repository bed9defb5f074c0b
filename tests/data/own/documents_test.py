"""Plain text from a single file on: nothing is lost, splits are filled, and what is not text is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.own import documents
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError


def _look(path: Path, **options):
    return documents.look(
        Place(given=path, root=path, store=path.parent / "store", options=options)
    )


def _text(lines: int, start: int = 0) -> str:
    return "".join(f"line {n} of some text, grüße.\n" for n in range(start, start + lines))


def _bytes(found) -> bytes:
    return b"".join(item.source for item in sorted(found.items, key=lambda item: item.name))


@pytest.mark.parametrize("name", ["a.txt", "a.text", "README", "strange.dat"])
def test_a_single_file_fills_three_splits_and_loses_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(_text(1200))
    found = _look(tmp_path / name)
    assert {item.split for item in found.items} == {"train", "validation", "test"}
    assert _bytes(found).decode() == _text(1200)
    prepare(found, str(tmp_path / "data"))
    builder = source.open_builder(found.dataset, str(tmp_path / "data"))
    stored = [
        row["text"] for s in ("train", "test") for row in tfds.as_numpy(builder.as_dataset(s))
    ]
    assert {item.source for item in found.items if item.split != "validation"} == set(stored)


def test_a_single_long_line_is_cut_between_characters(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("日本語" * 3000)
    found = _look(tmp_path / "a.txt")
    assert all(item.source.decode() for item in found.items)
    assert _bytes(found).decode() == "日本語" * 3000


def test_many_files_stay_whole_and_folders_of_splits_are_kept(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for number in range(40):
        path = root / ("train" if number < 30 else "test") / "deep" / f"{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_text(900, start=number * 900))
    (root / ".ipynb_checkpoints").mkdir()
    (root / ".ipynb_checkpoints/x.txt").write_text("left")
    (root / "picture.png").write_bytes(b"\x89PNG")
    found = _look(root)
    splits: dict[str, set[str]] = {}
    for item in found.items:
        splits.setdefault(item.name.split("#")[0], set()).add(item.split)
    assert len(splits) == 40 and all(len(held) == 1 for held in splits.values())
    assert all(held == {"test"} for name, held in splits.items() if name.startswith("test/"))
    assert found.passed == {"hidden (folders)": 1, "not texts": 1}


def test_tables_and_encodings_are_text_too(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    (root / "a.csv").write_text("id,text\n" + "".join(f'{n},"some words {n}"\n' for n in range(30)))
    (root / "b.txt").write_text(_text(50), encoding="utf-16")
    (root / "c.txt").write_bytes(
        b"caf\xe9 au lait\n" * 30
    )  # Latin-1: bytes that a model of bytes takes
    whole = _bytes(_look(root))
    assert b"some words 29" in whole and _text(50).encode()[:40] in whole and b"caf\xe9" in whole


def test_what_is_not_text_is_left_out_by_name(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    for number in range(30):
        (root / f"{number}.txt").write_text(_text(20, start=number * 20))
    (root / "bad.txt").write_bytes("unmarked utf-16".encode("utf-16-le") * 20)
    found = _look(root)
    left_out = prepare(found, str(tmp_path / "data"), max_corrupt_share=0.1)
    assert (
        list(left_out) == ["bad.txt"]
        and "UTF-16LE without a byte order mark" in left_out["bad.txt"]
    )
    with pytest.raises(PerceiverError, match="UTF-16LE"):
        _look(root / "bad.txt")


def test_bytes_in_a_table_are_the_text_that_they_encode(tmp_path: Path) -> None:
    import pandas

    rows = [f"line {n}, grüße" for n in range(30)]
    cells = [row.encode() for row in rows]
    cells[3] = b"caf\xe9"
    pandas.DataFrame({"text": cells}).to_parquet(tmp_path / "a.parquet")
    found = _look(tmp_path / "a.parquet")
    texts = [item.source.decode() for item in found.items if isinstance(item.source, bytes)]
    assert sorted(texts) == sorted(rows[:3] + rows[4:])
    left = prepare(found, str(tmp_path / "data"), max_corrupt_share=0.1)
    assert list(left) == ["a.parquet:4"] and "byte 0xE9 at offset 3" in left["a.parquet:4"]


def test_rows_that_are_no_text_are_left_out_by_name(tmp_path: Path) -> None:
    rows = [{"text": f"some words {n}"} for n in range(30)]
    rows += [{"text": "\ud800abc"}, {"text": ["a", "b"]}, {"text": float("nan")}, {"text": None}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = _look(tmp_path / "a.jsonl")
    assert found.notes == ["2 files or rows are not text; see what was left out."]
    left = prepare(found, str(tmp_path / "data"), max_corrupt_share=0.1)
    assert left == {
        "a.jsonl:31": "its character 1 is half of a character (a lone surrogate)",
        "a.jsonl:32": "its type is list; expected text or a number",
    }
    texts = {item.source.decode() for item in found.items if isinstance(item.source, bytes)}
    assert texts == {row["text"] for row in rows[:30]}


def test_too_little_and_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("short")
    with pytest.raises(UsageError, match="too few"):
        _look(tmp_path / "a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no texts"):
        _look(tmp_path / "empty")


@pytest.mark.parametrize("content", ["", "\n\n", " \t\n"])
def test_blank_files_are_passed_over_and_alone_are_no_text(tmp_path: Path, content: str) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    (root / "a.txt").write_text(content)
    (root / "b.txt").write_text("\n")
    (root / "c.csv").write_text("text,id\n ,1\n")
    for path in (root / "a.txt", root):
        with pytest.raises(UsageError, match="holds no text: it is empty or blank"):
            _look(path, text="text")
    (root / "d.txt").write_text(_text(1000))
    found = _look(root, text="text")
    assert {item.name.split("#")[0] for item in found.items} == {"d.txt"}
    assert found.passed == ({"blank": 3} if content else {"blank": 2, "empty": 1})


def test_the_commonest_byte_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(_text(500))
    content = _text(500).encode()
    share = max(content.count(bytes([b])) for b in set(content)) / len(content)
    assert abs(_look(tmp_path / "a.txt").measured["commonest"] - share) < 1e-9
