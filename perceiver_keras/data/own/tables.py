"""Tables of examples: CSV, TSV, JSON, JSON Lines and Parquet as rows of named cells; finding columns."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

from perceiver_keras.data.text.encodings import decode_text
from perceiver_keras.errors import PerceiverError, UsageError, first_line, nearest

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_SAMPLE = 64 << 10  # characters from which the delimiter is guessed
# As tables write it: Python also takes 1_000, which is a name like 1_1, and the digits of other scripts.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
_SEPARATOR = re.compile(r"""("?sep=([^\w"'\r\n])"?)(?=[\r\n])""")  # Excel's first line
_SURROGATE = re.compile(
    "[\ud800-\udfff]"
)  # JSON may have halves of characters, which no file of ours can hold
Cell = str | float | int | bool | Decimal | list | dict | bytes | None
PLAIN = (str, bytes, int, float, Decimal)  # cells that are a text, a number, or true and false
_TAKEN = "text, numbers, or true and false"


@dataclass(frozen=True)
class Table:
    """A table's columns, in order, and its rows.

    Attributes:
      path: Of the file.
      columns: Their names.
      rows: The cells of each row by column; missing ones are None.
      lines: The number of each row for people, from 1 (in CSV the line where it begins).
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Cell], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> list[Cell]:
        return [row[name] for row in self.rows]


def kind(path: PurePath) -> str:
    """The suffix that says what the file is, in lower case: of `train.csv.gz` ".csv"."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == ".gz" else suffix


def is_table(path: PurePath) -> bool:
    return kind(path) in SUFFIXES


def read(path: Path) -> Table:
    """The whole table.

    Raises:
      PerceiverError: the file is damaged, not what its name says, or holds no rows; the message has the line.
    """
    reader = {
        ".csv": _csv,
        ".tsv": _csv,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".json": _json,
        ".parquet": _parquet,
    }[kind(path)]
    try:
        numbered = [
            (line, row) for line, row in reader(path) if any(_filled(v) for v in row.values())
        ]
    except OSError as error:
        raise PerceiverError(f"{path} can't be read: {error.strerror or error}.") from error
    if not numbered:
        raise PerceiverError(f"{path} holds no rows.")
    columns = tuple(dict.fromkeys(key for _, row in numbered for key in row))
    rows = tuple({name: row.get(name) for name in columns} for _, row in numbered)
    return Table(path, columns, rows, tuple(line for line, _ in numbered))


def _filled(value: Cell) -> bool:
    return (
        value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))
    )


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
        return decode_text(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise PerceiverError(f"{path} is damaged: {first_line(error)}.") from error
    except PerceiverError as error:
        raise PerceiverError(f"{path}: {error}") from error


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Cell]]]:
    text = _text(path)
    csv.field_size_limit(1 << 30)  # a cell may be a whole document
    if named := _SEPARATOR.match(text):
        text = text[
            named.end(1) :
        ]  # the end of the line stays, so that the others keep their numbers
        delimiter = named[2]
    else:
        delimiter = "\t" if kind(path) == ".tsv" else _delimiter(text)
    rows = (_plain_rows(text) if delimiter == "\t" else None) or _quoted_rows(path, text, delimiter)
    _, head = next(rows, (0, []))
    if not head:
        raise PerceiverError(f"{path} is empty; line 1 must name the columns.")
    names = [name.strip() for name in head]
    used = [name for name in names if name]  # pandas writes its index under no name
    if len(set(used)) < len(used) or not used:
        raise PerceiverError(
            f"{path}: line 1 must name the columns, each once; it is {', '.join(map(repr, names[:8]))}."
        )
    for begin, row in rows:
        if len(row) != len(names):
            raise PerceiverError(
                f"{path}, line {begin}: {len(row)} cells, but line 1 names {len(names)} columns; "
                "put cells that hold the delimiter into double quotes."
            )
        yield begin, {name: cell for name, cell in zip(names, row, strict=True) if name}


def _quoted_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line where it begins, cells) of each row that is not blank."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for row in rows:
            if len(row) > 1 or (row and row[0].strip()):
                yield begin, row
            begin = rows.line_num + 1
    except csv.Error as error:
        # Where the row begins: its quote that is open holds all lines up to the one where the reader stops.
        raise PerceiverError(
            f"{path}, line {begin}: a double quote is not closed, or closed too early; write those in a cell as two "
            f"({error})."
        ) from error


def _plain_rows(text: str) -> Iterator[tuple[int, list[str]]] | None:
    """The same of a table with tabs in which quotes mean nothing, as GLUE's; None if quotes hold tabs or line ends."""
    rows = [(n, line.split("\t")) for n, line in enumerate(lines_of(text), 1) if line.strip()]
    if len({len(row) for _, row in rows}) != 1 or len(rows[0][1]) < 2:
        return None
    return iter([(number, [_unquoted(cell) for cell in row]) for number, row in rows])


def lines_of(text: str) -> list[str]:
    """The lines between the ends of Unix and Windows; between those of old Macs if there are no others."""
    text = text.replace("\r\n", "\n")
    return text.split("\n" if "\n" in text else "\r")


def _unquoted(cell: str) -> str:
    inside = cell[1:-1].replace('""', "")
    whole = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inside
    return cell[1:-1].replace('""', '"') if whole else cell


def _delimiter(text: str) -> str:
    """Of the usual delimiters the one that makes the most names of the first row; a comma if none does."""
    sample = text[:_SAMPLE].strip()

    def names(mark: str) -> int:
        return len(next(csv.reader(io.StringIO(sample, newline=""), delimiter=mark), ()))

    return max(",;\t|", key=lambda mark: (names(mark), mark == ","))


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Cell]]]:
    for number, line in enumerate(lines_of(_text(path)), 1):
        if line.strip():
            yield number, _record(path, f"line {number}", line)


def _json(path: Path) -> Iterator[tuple[int, dict[str, Cell]]]:
    try:
        values = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        if "Extra data" in str(error):  # one object per line, under the wrong suffix
            yield from _json_lines(path)
            return
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise PerceiverError(f"{path}{line}: not valid JSON: {json_reason(error)}.") from error
    if isinstance(values, dict):
        values = _of_object(values)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise PerceiverError(f"{path}: expected a list of objects, one per example.")
    yield from enumerate(values, 1)


def _of_object(values: dict[str, Any]) -> Any:
    """The rows of {"data": [rows]}, of {column: [cells]}, or of pandas's {column: {index: cell}}."""
    tables_in = [v for v in values.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    if len(tables_in) == 1:
        return tables_in[0]
    columns = list(values.values())
    if columns and all(isinstance(column, dict) for column in columns):
        if any(column.keys() != columns[0].keys() for column in columns):
            return values
        columns = [list(column.values()) for column in columns]
    if not all(isinstance(c, list) for c in columns) or len({len(c) for c in columns}) != 1:
        return values
    return [dict(zip(values, row, strict=True)) for row in zip(*columns, strict=True)]


def _record(path: Path, where: str, text: str) -> dict[str, Cell]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PerceiverError(f"{path}, {where}: not valid JSON: {json_reason(error)}.") from error
    if not isinstance(value, dict):
        raise PerceiverError(f"{path}, {where}: expected an object, got {str(value)[:60]!r}.")
    return value


def json_reason(error: Exception) -> str:
    """Why JSON can't be read, without the line, which is counted from where its value begins."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else first_line(error)


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, Cell]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        yield from enumerate(pyarrow.parquet.read_table(path).to_pylist(), 1)
    except (pyarrow.ArrowException, ValueError) as error:
        raise PerceiverError(
            f"{path} is not a readable Parquet file: {first_line(error)}."
        ) from error


# === Finding columns ===


def find_column(
    table: Table,
    setting: str,
    wanted: str | None,
    usual: Sequence[str],
    fits: Callable[[list[Cell]], bool],
    taken: Sequence[str] = (),
) -> str | None:
    """The column that holds something: as a setting says, else by its usual names, else the only one that fits.

    Args:
      table: Where to look.
      setting: The key of the setting, for error messages.
      wanted: Its value; None if it is not set.
      usual: Names to look for, in lower case, the likeliest first.
      fits: Whether these cells can be it.
      taken: Columns that are something else.

    Returns:
      The column's name, or None if none fits, or several do.

    Raises:
      UsageError: there is no column `wanted`.
    """
    if wanted is not None:
        if wanted not in table.columns:
            raise UsageError(
                f"{setting}: {table.path.name} has no column {wanted!r}.{nearest(wanted, table.columns)}"
            )
        return wanted
    free = [name for name in table.columns if name not in taken]
    by_name = {name.lower(): name for name in reversed(free)}
    for name in usual:
        if name in by_name and fits(table.column(by_name[name])):
            return by_name[name]
    fitting = [name for name in free if fits(table.column(name))]
    return fitting[0] if len(fitting) == 1 else None


def find_labels(
    table: Table,
    wanted: str | None,
    usual: Sequence[str],
    fits: Callable[[list[Cell]], bool],
    taken: Sequence[str],
    otherwise: str,
) -> str | None:
    """The column of labels, as `find_column` finds it; but none stands in for one that is named so and does not fit.

    Args:
      otherwise: What to do if another column holds the labels, for error messages; the others are `find_column`'s.

    Raises:
      UsageError: there is no column `wanted`, or the column with the likeliest of the usual names does not fit.
    """
    free = {name.lower(): name for name in reversed(table.columns) if name not in taken}
    named = next((free[name] for name in usual if name in free), None)
    if wanted is not None or named is None or fits(table.column(named)):
        return find_column(table, "data.label", wanted, usual, fits, taken)
    cells = [cell for cell in table.column(named) if _filled(cell)]
    kinds = {type(cell).__name__ for cell in cells if not isinstance(cell, (*PLAIN, list))}
    different = len({str(cell) for cell in cells})
    if different < 2:
        why = f"all rows have the label {str(cells[0])!r}" if cells else "it is empty"
    elif kinds:
        why = f"its cells are of the type {' and '.join(sorted(kinds))}, which is not taken: labels are {_TAKEN}"
    elif different == len(cells):
        why = "every row has another label"
    elif all(isinstance(cell, list) for cell in cells):
        why = f"its cells are lists; labels are {_TAKEN}"
    else:
        why = f"{len(cells):,} rows have {different:,} different labels"
    raise UsageError(
        f"{table.path}: there is nothing to learn from the column {named!r}: {why}. If another column holds the "
        f"labels, {otherwise}. Its columns are {', '.join(table.columns)}."
    )


def number(cell: Cell) -> float | None:
    """The cell as a finite number, or None."""
    if isinstance(cell, bool) or not isinstance(cell, (str, int, float, Decimal)):
        return None
    if isinstance(cell, str) and not _NUMBER.fullmatch(cell.strip()):
        return None
    try:
        value = float(cell)
    except OverflowError:  # an integer beyond the largest float
        return None
    return value if math.isfinite(value) else None


def class_name(cell: Cell) -> str | None:
    """The cell as the name of a class: 3.0 as "3", True as "true", text on one line; None if empty, NaN or no text.

    Numbers keep all their digits: they may be ids, or what is to be predicted.
    """
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        if math.isnan(cell):
            return None
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, Decimal) and cell.is_finite():  # as databases export numbers
        cell = int(cell) if cell == int(cell) else f"{cell:f}".rstrip("0")
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "surrogateescape")
    name = " ".join(str(cell).split()) if isinstance(cell, (str, int)) else ""
    if _SURROGATE.search(name):
        return None
    return None if name.lower() == "nan" else name or None


def class_namer(cells: Iterable[Cell]) -> Callable[[Cell], str | None]:
    """`class_name`, with "1.0" as "1" if all of `cells` are whole numbers: pandas writes them so next to empty ones."""
    names = {name for cell in cells if (name := class_name(cell))}
    values = [number(name) for name in names]
    if any(value is None or value != int(value) for value in values):
        return class_name
    return lambda cell: (name := class_name(cell)) and re.sub(r"\.0*$", "", name)
