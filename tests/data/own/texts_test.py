"""Texts of tables and folders, with classes or numbers: the right columns, rows, labels and splits."""

from __future__ import annotations

import csv
import json
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import tensorflow as tf

from perceiver_keras.data.own import texts
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError

WORDS = ("apple", "river", "stone", "cloud", "window", "grüße", "日本", "seven", "music", "table")


def _rows(count: int = 60, **columns) -> list[dict]:
    rng = random.Random(0)
    return [
        {"id": n, "review": " ".join(rng.choices(WORDS, k=8)), "sentiment": ["neg", "pos"][n % 2]}
        | {name: value(n, rng) for name, value in columns.items()}
        for n in range(count)
    ]


def _csv(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _look(path: Path, judging: bool = False, **options):
    store = path.parent / "store"
    return texts.look(Place(given=path, root=path, store=store, options=options, judging=judging))


def _stored(found, tmp_path: Path) -> list[dict]:
    data_dir = str(tmp_path / "data")
    prepare(found, data_dir)
    builder = source.open_builder(found.dataset, data_dir)
    rows = []
    for split in ("train", "validation", "test"):
        for example in source.serialized_examples(builder, split):
            features = tf.train.Example.FromString(example).features.feature
            row = {key: getattr(f, f.WhichOneof("kind")).value[0] for key, f in features.items()}
            rows.append({k: v.decode() if isinstance(v, bytes) else v for k, v in row.items()})
    return rows


def test_a_table_of_texts_and_classes_is_stored_as_it_is(tmp_path: Path) -> None:
    rows = _rows()
    found = _look(_csv(tmp_path / "mine.csv", rows))
    assert "text = 'review', label = 'sentiment'" in found.layout
    assert found.labels == ("neg", "pos") and not found.measured["pairs"]
    stored = {
        row["file"]: (row["text"], found.labels[row["label"]]) for row in _stored(found, tmp_path)
    }
    assert stored == {
        f"mine.csv:{n + 2}": (r["review"], r["sentiment"]) for n, r in enumerate(rows)
    }


def test_pairs_are_found_by_their_names_or_settings(tmp_path: Path) -> None:
    rows = [
        {"premise": r["review"], "hypothesis": r["review"][:9], "label": r["id"] % 3}
        for r in _rows()
    ]
    found = _look(_csv(tmp_path / "pairs.csv", rows))
    assert found.measured["pairs"] and found.labels == ("0", "1", "2")
    assert {(r["text"], r["text2"]) for r in _stored(found, tmp_path)} == {
        (r["premise"], r["hypothesis"]) for r in rows
    }
    same = _look(tmp_path / "pairs.csv", text="hypothesis", text2="premise")
    assert same.items[0].source == (rows[0]["hypothesis"], rows[0]["premise"])
    assert not _look(tmp_path / "pairs.csv", text="premise").measured["pairs"]


def test_fractions_and_many_numbers_are_predicted_as_numbers(tmp_path: Path) -> None:
    rows = [{"text": r["review"], "score": f"{r['id'] / 7:.3f}"} for r in _rows()]
    found = _look(_csv(tmp_path / "mine.csv", rows))
    assert found.labels is None and found.measured["most"] <= 59 / 7
    stored = {row["text"]: row["label"] for row in _stored(found, tmp_path)}
    assert all(abs(stored[r["text"]] - float(r["score"])) < 1e-6 for r in rows)
    stars = [{"text": r["review"], "stars": r["id"] % 5 + 1} for r in _rows()]
    path = _csv(tmp_path / "stars.csv", stars)
    assert _look(path).labels == ("1", "2", "3", "4", "5")
    assert _look(path, label_type="float32").labels is None
    prices = [{"text": r["review"], "label": r["id"]} for r in _rows()]
    assert _look(_csv(tmp_path / "prices.csv", prices)).labels is None


@pytest.mark.parametrize("splits", [None, ("validation", "test")])
def test_a_model_of_numbers_is_judged_on_data_without_a_split_to_train_on(tmp_path, splits) -> None:
    rows = [{"text": f"text {n}", "score": n + 0.5} for n in range(9)]
    if splits:
        rows = [{**row, "split": splits[n % 2]} for n, row in enumerate(rows)]
    measured = _look(_csv(tmp_path / "a.csv", rows), judging=True, label_type="float32").measured
    assert measured["mean"] == 4.5 and abs(measured["std"] - (60 / 9) ** 0.5) < 1e-12
    assert (measured["least"], measured["most"]) == (0.5, 8.5)


def test_numbers_of_json_are_predicted_with_all_their_digits(tmp_path: Path) -> None:
    prices = [1234567.89 + n for n in range(40)]
    path = tmp_path / "a.jsonl"
    path.write_text(
        "\n".join(json.dumps({"text": f"text {n}", "label": p}) for n, p in enumerate(prices))
    )
    found = _look(path)
    assert found.labels is None and [item.label for item in found.items] == prices


def test_names_with_underscores_between_digits_are_classes(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "label": f"{n // 2 % 20 + 1}_{n % 2}"} for n in range(160)]
    labels = _look(_csv(tmp_path / "a.csv", rows)).labels
    assert labels is not None and set(labels) == {row["label"] for row in rows}


def test_tables_named_by_splits_and_a_column_of_splits(tmp_path: Path) -> None:
    rows = _rows(split=lambda n, rng: ["train", "dev", "test"][n % 3])
    by_column = _look(_csv(tmp_path / "one.csv", rows))
    assert [item.split for item in by_column.items][:3] == ["train", "validation", "test"]
    folder, rows = tmp_path / "mine", _rows()
    _csv(folder / "train.csv", rows[:40])
    _csv(folder / "val.csv", rows[40:50])
    _csv(folder / "test.csv", [{"id": r["id"], "review": r["review"]} for r in rows[50:]])
    (folder / "notes.txt").write_text("x")
    found = _look(folder)
    assert {i.split for i in found.items if i.name.startswith("val.csv")} == {"validation"}
    assert {i.split for i in found.items if i.name.startswith("train.csv")} == {"train", "test"}
    assert found.passed == {"not tables of texts": 1, "tables without a label": 1}


def test_tables_that_end_in_splits(tmp_path: Path) -> None:
    folder, rows = tmp_path / "mine", _rows()
    _csv(folder / "reviews_test.csv", rows[:20])
    _csv(folder / "reviews_train.csv", rows[20:])
    found = _look(folder)
    of_tests = {item.split for item in found.items if item.name.startswith("reviews_test")}
    assert of_tests == {"test"} and len(found.in_split("test")) == 20


def test_one_folder_per_class(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for number in range(12):
        path = root / "ab"[number % 2] / f"{number}.TXT"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text grüße {number}", encoding="utf-16")
    (root / "a/folder.txt").mkdir()
    found = _look(root)
    assert found.labels == ("a", "b") and len(found.items) == 12
    assert {row["text"] for row in _stored(found, tmp_path)} == {
        f"text grüße {n}" for n in range(12)
    }


def test_files_that_are_no_texts_are_left_out_by_name(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for number in range(80):
        path = root / "ab"[number % 2] / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text {number}")
    (root / "b/latin.txt").write_bytes(b"caf\xe9")
    (root / "b/long.txt").write_bytes(b"a" * (1 << 20) + b"b")
    left = prepare(_look(root), str(tmp_path / "data"), 0.1)
    assert set(left) == {"b/latin.txt", "b/long.txt"}
    assert "not UTF-8: byte 0xE9 at offset 3" in left["b/latin.txt"]
    assert "1,048,577 bytes" in left["b/long.txt"]


def test_rows_with_half_a_character_are_left_out_by_name(tmp_path: Path) -> None:
    rows = [{"text": r["review"], "label": r["sentiment"]} for r in _rows()]
    rows[4]["text"] += "\ud83d"
    rows[7]["label"] = "pos\ude00"
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = _look(path)
    assert found.labels == ("neg", "pos") and found.counts().total() == 58
    left = prepare(found, str(tmp_path / "data"), 0.1)
    assert set(left) == {"a.jsonl:5", "a.jsonl:8"}
    assert "its character 4 is half of a character" in left["a.jsonl:8"]
    path.write_text(json.dumps(rows[4]))
    with pytest.raises(UsageError, match="a.jsonl:1 is broken: its character"):
        _look(path, text="text", label="label")


def test_bytes_of_parquet_that_are_no_text_are_left_out_by_name(tmp_path: Path) -> None:
    import pandas

    rows = [{"text": r["review"].encode(), "label": r["sentiment"].encode()} for r in _rows()]
    rows[4]["text"], rows[7]["label"] = b"caf\xe9", b"caf\xe9"
    pandas.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    found = _look(tmp_path / "a.parquet")
    assert found.labels == ("neg", "pos")
    left = prepare(found, str(tmp_path / "data"), 0.1)
    assert set(left) == {"a.parquet:5", "a.parquet:8"}
    assert "not UTF-8: byte 0xE9 at offset 3" in left["a.parquet:5"]


def test_decimals_and_dates_of_parquet(tmp_path: Path) -> None:
    import pandas

    def look(name: str, labels: list, **options):
        table = pandas.DataFrame({"text": [f"text {n}" for n in range(60)], "label": labels})
        table.to_parquet(tmp_path / name)
        return _look(tmp_path / name, **options)

    assert look("a.parquet", [Decimal(n % 2) for n in range(60)]).labels == ("0", "1")
    found = look("b.parquet", [Decimal(n) / 4 for n in range(60)])
    assert found.labels is None and [item.label for item in found.items] == [
        n / 4 for n in range(60)
    ]
    days = [date(2020, 1, 1 + n % 3) for n in range(60)]
    with pytest.raises(UsageError, match="its cells are of the type date"):
        look("c.parquet", days)
    with pytest.raises(UsageError, match=r"c.parquet:1 is broken: its type is date; expected text"):
        look("c.parquet", days, label="label")


def test_json_lines_without_text_or_label_are_counted(tmp_path: Path) -> None:
    rows = [{"text": r["review"], "label": r["sentiment"]} for r in _rows()]
    rows += [{"text": "", "label": "pos"}, {"text": "x", "label": None}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = _look(path)
    assert len(found.items) == 60 and found.passed == {"rows without a text or label": 2}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [{"a": "x y", "b": "z w", "c": "1"}] * 9,
            "which column is the label? Add --set data.label=NAME",
        ),
        (
            [{"a": f"x{n}", "b": f"y{n}", "label": n % 2} for n in range(9)],
            "which column is the text",
        ),
        ([{"I like it": f"yes {n}", "1": n % 2} for n in range(9)], "line 1 must name the columns"),
        (
            [{"text": f"x{n}", "label": "same", "camera": n % 2} for n in range(9)],
            "the column 'label': all rows have the label 'same'. If another column holds the labels, add --set ",
        ),
        (
            [{"text": f"x{n}", "label": f"y{n % 8}", "camera": n % 2} for n in range(9)],
            "the column 'label': 9 rows have 8 different labels",
        ),
        ([{"text": "one", "label": "a"}, {"text": "two", "label": "b"}], "too few"),
    ],
)
def test_what_can_not_be_told_is_asked_for(tmp_path: Path, rows, words) -> None:
    with pytest.raises(UsageError) as raised:
        _look(_csv(tmp_path / "a.csv", rows))
    assert words in str(raised.value)


def test_many_whole_numbers_are_classes_in_a_column_named_so(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "intent": n % 77} for n in range(77 * 3)]
    assert _look(_csv(tmp_path / "a.csv", rows)).labels == tuple(map(str, range(77)))
    rows = [{"text": row["text"], "score": row["intent"]} for row in rows]
    assert _look(_csv(tmp_path / "b.csv", rows)).labels is None


def test_tests_with_few_rows_are_kept_and_hidden_labels_are_not_classes(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    rows = [{"text": f"text {n}", "label": n % 20} for n in range(100)]
    _csv(folder / "train.csv", rows)
    _csv(folder / "test.csv", [{"text": f"test {n}", "label": f"{n}.0"} for n in range(15)])
    found = _look(folder)
    assert found.counts("test") == {str(n): 1 for n in range(15)} and len(found.labels) == 20
    _csv(folder / "test.csv", [{"text": f"test {n}", "label": -1} for n in range(15)])
    assert _look(folder).passed == {"tables without a label": 1}
    hidden = [{**row, "split": "train"} for row in rows]
    hidden += [{"text": f"test {n}", "label": -1, "split": "test"} for n in range(9)]
    found = _look(_csv(tmp_path / "one.csv", hidden))
    assert "-1" not in found.labels and len(found.items) == 100
    assert found.passed == {"rows without a text or label": 9}


def test_parts_of_splits_as_hugging_face_writes_them(tmp_path: Path) -> None:
    for split, count in (("train", 40), ("validation", 5), ("test", 5)):
        for part in range(2):
            rows = [{"text": f"{split} {part} {n}", "label": n % 2} for n in range(count)]
            _csv(tmp_path / f"mine/data/{split}-{part:05}-of-00002.csv", rows)
    found = _look(tmp_path / "mine")
    assert all(item.source[0].startswith(item.split) for item in found.items)
    assert len(found.items) == 100


def test_a_first_line_of_numbers_is_a_row(tmp_path: Path) -> None:
    rows = "".join(f"some text {n},{n / 7}\n" for n in range(40))
    path = tmp_path / "mine.csv"
    path.write_text(rows)
    with pytest.raises(UsageError, match="line 1 must name the columns"):
        _look(path)
    path.write_text(
        f",0,1\n{''.join(f'{n},{row}' + chr(10) for n, row in enumerate(rows.splitlines()))}"
    )
    assert len(_look(path).items) == 40  # pandas's names of columns without names
