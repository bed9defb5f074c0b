"""Tables of every format hold the same rows, and damaged ones are named with their line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.data.own import tables
from perceiver_keras.errors import PerceiverError, UsageError

ROWS = [
    {"text": "good, really", "label": "pos"},
    {"text": 'two\nlines "quoted"', "label": "neg"},
    {"text": "grüße 日本", "label": "pos"},
]


def _write_csv(path: Path, delimiter: str = ",", encoding: str = "utf-8") -> None:
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, ["text", "label"], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    import pandas

    _write_csv(tmp_path / "a.csv")
    _write_csv(tmp_path / "bom.csv", encoding="utf-8-sig")
    _write_csv(tmp_path / "utf16.CSV", encoding="utf-16")
    _write_csv(tmp_path / "semicolon.csv", ";")
    _write_csv(tmp_path / "tab.tsv", "\t")
    lines = "\n".join(json.dumps(row) for row in ROWS)
    (tmp_path / "b.jsonl").write_text(f"{lines}\n\n")
    (tmp_path / "lines.json").write_text(lines)
    (tmp_path / "list.json").write_text(json.dumps(ROWS))
    (tmp_path / "data.json").write_text(json.dumps({"version": [], "data": ROWS}))
    columns = {key: [row[key] for row in ROWS] for key in ROWS[0]}
    (tmp_path / "columns.json").write_text(json.dumps(columns))
    pandas.DataFrame(ROWS).to_parquet(tmp_path / "c.parquet")
    for path in tmp_path.iterdir():
        table = tables.read(path)
        assert list(map(dict, table.rows)) == ROWS, path.name
        assert table.columns == ("text", "label")
    assert tables.read(tmp_path / "a.csv").lines == (2, 3, 5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text("ab,;|\t\"'\n é", min_size=1), st.sampled_from("xy")), min_size=1)
)
def test_csv_written_by_the_library_is_read_back(tmp_path_factory, rows) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("text", "label"), *rows])
    path.write_text(buffer.getvalue(), newline="")
    assert [(row["text"], row["label"]) for row in tables.read(path).rows] == rows


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "text,label\nx,y\nx,y,z\n", "line 3: 3 cells, but line 1 names 2 columns"),
        ("a.csv", 'text,label\na,b\n"x,y\nc,d\n', "line 3: a double quote is not closed"),
        ("a.csv", 'text,label\na,"b\nx,y\nc,"d"\n', "line 2: a double quote is not closed"),
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", " \n\n", "a.csv is empty"),
        ("a.tsv", "", "a.tsv is empty"),
        ("a.csv", "text,text\na,b\n", "each once"),
        ("a.csv", "text,label\n", "no rows"),
        (
            "a.jsonl",
            '{"a": 1}\n{"a" 1}\n',
            "line 2: not valid JSON: Expecting ':' delimiter at column 6.",
        ),
        (
            "a.jsonl",
            '{"a": 1}\n{"a":' + "[" * 100_000,
            "line 2: not valid JSON: nested too deeply.",
        ),
        ("a.json", "[" * 100_000, "a.json: not valid JSON: nested too deeply."),
        (
            "a.json",
            '[{"a": 1},\n {"a" 1}]',
            "line 2: not valid JSON: Expecting ':' delimiter at column 7.",
        ),
        ("a.jsonl", "[1]\n", "expected an object"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", '{"a": 1}', "list of objects"),
        ("a.parquet", "hello", "not a readable Parquet file"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(tmp_path, name, content, words) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(PerceiverError) as raised:
        tables.read(tmp_path / name)
    assert name in str(raised.value) and words in str(raised.value)


def test_columns_are_found_by_setting_then_name_then_fit(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,Review,stars\n1,good,5\n2,bad,1\n")
    table = tables.read(tmp_path / "a.csv")
    words = lambda cells: all(tables.number(cell) is None for cell in cells)  # noqa: E731
    assert tables.find_column(table, "data.text", None, ("review",), words) == "Review"
    assert tables.find_column(table, "data.text", None, ("text",), words) == "Review"
    assert tables.find_column(table, "data.text", "id", ("review",), words) == "id"
    assert tables.find_column(table, "data.label", None, (), lambda cells: True) is None
    with pytest.raises(UsageError, match="no column 'reviw'. Did you mean 'Review'"):
        tables.find_column(table, "data.text", "reviw", (), words)


def test_cells_as_numbers_and_names() -> None:
    assert tables.number("3.5") == 3.5 and tables.number(2) == 2.0
    assert (
        tables.number("nan")
        is tables.number("x")
        is tables.number(None)
        is tables.number(True)
        is None
    )
    names = {3.0: "3", "  a b ": "a b", "": None, None: None, True: "true", 0: "0"}
    assert all(tables.class_name(cell) == name for cell, name in names.items() if cell is not True)
    assert tables.class_name(True) == "true"
    assert tables.class_name("grüße".encode()) == "grüße"
    assert tables.class_name(b"caf\xe9") is tables.class_name("a\ud83d") is None


def test_numbers_are_what_tables_write_not_all_that_python_takes() -> None:
    assert [tables.number(cell) for cell in (" -1.5e3 ", "+.5", "7.", 10**300)] == [
        *(-1500.0, 0.5, 7.0, 1e300)
    ]
    for cell in (
        "1_1",
        "12_0",
        "infinity",
        "-inf",
        "1e999",
        "٣",
        "0x10",
        "",
        ".",
        10**400,
        -(10**400),
    ):
        assert tables.number(cell) is None, cell


def test_numbers_keep_their_digits_in_names() -> None:
    names = {1234567.0: "1234567", 0.1234586: "0.1234586", 2.5: "2.5", 16777217.25: "16777217.25"}
    assert {cell: tables.class_name(cell) for cell in names} == names


def _cells(path: Path, text: str | bytes) -> list[tuple]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    table = tables.read(path)
    return [table.columns, *(tuple(row.values()) for row in table.rows)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("index.csv", ",text,label\n0,a,b\n1,c,d\n"),
        ("comma.csv", "text,label,\na,b,\nc,d,\n"),
        ("blank.csv", "\n  \ntext,label\n\na,b\n   \nc,d\n\n"),
        ("packed.csv.gz", gzip.compress(b"text,label\na,b\nc,d\n", mtime=0)),
        ("rows.json", '{"version": 1, "data": [{"text": "a", "label": "b"}, {"text": "c", "label": "d"}]}'),
        ("pandas.json", '{"text": {"0": "a", "1": "c"}, "label": {"0": "b", "1": "d"}}'),
        ("columns.json", '{"text": ["a", "c"], "label": ["b", "d"]}'),
    ],
)  # fmt: skip
def test_what_other_programs_write_is_the_same_table(tmp_path: Path, name: str, text) -> None:
    assert _cells(tmp_path / name, text) == [("text", "label"), ("a", "b"), ("c", "d")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_marks_in_quotes_are_no_delimiters(tmp_path: Path, mark: str, end: str) -> None:
    want = [("a, b;\tc|d, e,, f; g\t|h", 'the "label"\n,,,'), ("x, y", "1"), ("z; w", "2")]
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerows(want)
    assert _cells(tmp_path / "a.csv", file.getvalue()) == want


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("line", ["sep={}", '"sep={}"'])
@pytest.mark.parametrize("mark", [",", ";", "\t", ":"])
def test_excels_first_line_names_the_delimiter(tmp_path: Path, mark, line, end) -> None:
    rows = [("a,b", "label"), ("x, y", "1"), ("z", "2")]
    if mark == ",":
        rows[:2] = [("a;b;c", "label"), ("x", "1")]
    text = end.join([line.format(mark), *(mark.join(row) for row in rows)])
    for name in ("a.csv", "a.tsv"):
        assert _cells(tmp_path / name, text) == rows
    assert tables.read(tmp_path / "a.csv").lines == (3, 4)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(tmp_path: Path, end: str) -> None:
    want = [("text", "label"), ("a", "b"), ("c", "d")]
    for name, mark in (("a.csv", ","), ("a.tsv", "\t")):
        assert _cells(tmp_path / name, end.join(map(mark.join, want)) + end) == want
    rows = [json.dumps(dict(zip(want[0], row, strict=True))) for row in want[1:]]
    assert _cells(tmp_path / "a.jsonl", end.join(rows)) == want


def test_a_damaged_gz_is_named(tmp_path: Path) -> None:
    for content in (b"text,label\n", gzip.compress(b"text,label\na,b\n" * 99)[:30]):
        with pytest.raises(PerceiverError, match="a.csv.gz is damaged"):
            _cells(tmp_path / "a.csv.gz", content)


def test_between_tabs_a_lone_quote_is_a_character(tmp_path: Path) -> None:
    """As GLUE's files have it; a reader of quotes would swallow all lines up to the next one."""
    rows = [("text", "label"), ('"open', "1"), ('a 5" disk', "0"), ("said", "1"), ('end"', "0")]
    text = "\n".join("\t".join(row) for row in rows)
    assert _cells(tmp_path / "a.tsv", text) == rows
    assert _cells(tmp_path / "a.csv", text.replace("\n", "\r\n")) == rows


def test_between_tabs_whole_quotes_quote(tmp_path: Path) -> None:
    rows = [("text", "label"), ('say "x"', "1"), ("two\nlines", "0"), ("a\ttab", "0")]
    text = io.StringIO()
    csv.writer(text, delimiter="\t").writerows(rows)
    assert _cells(tmp_path / "a.tsv", text.getvalue()) == rows
    assert _cells(tmp_path / "b.tsv", 'text\tlabel\n"say ""x"""\t1\n') == rows[:2]


def test_decimals_of_databases_are_numbers_with_all_their_digits() -> None:
    names = {
        "1.00": "1",
        "-3": "-3",
        "1E+3": "1000",
        "0.00": "0",
        "12.50": "12.5",
        "1E-7": "0.0000001",
    }
    names["1234567890123456789.0100"] = "1234567890123456789.01"
    assert {cell: tables.class_name(Decimal(cell)) for cell in names} == names
    assert [tables.number(Decimal(cell)) for cell in names] == [float(cell) for cell in names]
    for cell in ("NaN", "Infinity"):
        assert tables.class_name(Decimal(cell)) is tables.number(Decimal(cell)) is None


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (lambda n: date(2020, 1, 1 + n % 3), "its cells are of the type date, which is not taken"),
        (lambda n: date(2020, 1, 1 + n), "its cells are of the type date, which is not taken"),
        (lambda n: {"v": n % 2}, "its cells are of the type dict, which is not taken"),
        (lambda n: [n % 2], "its cells are lists"),
    ],
)
def test_labels_of_other_types_are_refused_for_their_type(tmp_path: Path, cell, words) -> None:
    rows = tuple({"text": f"text {n}", "label": cell(n)} for n in range(12))
    table = tables.Table(tmp_path / "a.parquet", ("text", "label"), rows, tuple(range(1, 13)))
    several = lambda cells: len({n for c in cells if (n := tables.class_name(c))}) > 1  # noqa: E731
    with pytest.raises(UsageError) as raised:
        tables.find_labels(table, None, ("label",), several, (), "rename it")
    assert words in str(raised.value)
    assert "labels are text, numbers, or true and false" in str(raised.value)


def test_whole_numbers_lose_their_point_only_if_all_are_whole() -> None:
    name = tables.class_namer(["1.0", "2.0", "", None, "nan"])
    assert [name(cell) for cell in ("1.0", "2.0", "10.00", "", "NaN")] == [
        "1",
        "2",
        "10",
        None,
        None,
    ]
    name = tables.class_namer(["1.0", "1.5"])
    assert name("1.0") == "1.0"
    assert tables.class_namer(["1.0", "v"])("1.0") == "1.0"
