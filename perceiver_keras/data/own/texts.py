"""Texts with a class or a number: a table with a column for each, or one folder of text files per class."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data.own import given_splits, labelled, tables
from perceiver_keras.data.own.files import listing
from perceiver_keras.data.own.found import (
    Draft,
    Found,
    Item,
    Label,
    Place,
    class_notes,
    classes,
    shown,
    to_items,
    unreadable,
)
from perceiver_keras.data.own.splits import splits_of_files
from perceiver_keras.data.text.encodings import decode_text
from perceiver_keras.errors import PerceiverError, UsageError

SUFFIXES = (".txt", ".md", ".rst", ".text")
# Names by which tables and TFDS's data sets call texts and labels, the likeliest first.
PAIRS = (
    *(("text", "text2"), ("text1", "text2"), ("text_a", "text_b"), ("sentence1", "sentence2")),
    *(("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence")),
    *(("question", "answer"), ("question", "passage"), ("query", "document"), ("query", "passage")),
    *(("title", "description"), ("title", "content"), ("title", "text")),
)
TEXTS = (
    *("text", "sentence", "review", "content", "review_body", "body", "comment_text", "comment"),
    *("message", "document", "tweet", "utterance", "description", "abstract", "question", "title"),
    *("headline", "text1", "sentence1"),
)
LABELS = (
    *(*labelled.LABELS, "sentiment", "intent", "topic", "emotion", "score", "rating", "stars"),
    *("star_rating", "polarity", "similarity"),
)
MOST_CLASSES = 30  # whole numbers with more different values are numbers, not classes
CLASSES = ("label", "labels", "class", "category", "intent", "topic", "label_fine", "label_coarse")
_LONGEST = 1 << 20  # bytes of a text


def look(place: Place) -> Found:
    """A table, tables named by their splits, or `CLASS/*.txt`.

    `place.options` may name the columns: "text", "text2", "label"; "label_type": "float32" makes numbers of classes.

    Raises:
      UsageError: there are no texts, or the columns can't be told; the message says which there are.
      PerceiverError: a file is damaged.
    """
    options, passed = place.options, Counter()
    chosen = _tables(place, passed)
    named = None
    broken: list[tuple[str, PerceiverError]] = []
    if chosen:
        named = _label_column(place, _first(chosen))
        drafts, broken = _from_tables(place, chosen, passed)
        layout = _layout(place, chosen)
    else:
        files = labelled.look(place, "texts", SUFFIXES)
        drafts, layout, passed = list(files.drafts), files.layout, files.passed
    numbers = [tables.number(draft.label) for draft in drafts]
    regression = place.labels is None and _is_number(numbers, options.get("label_type"), named)
    if regression:
        kept = [(d, n) for d, n in zip(drafts, numbers, strict=True) if n is not None]
        if len(kept) < len(drafts):
            passed["rows whose label is not a number"] += len(drafts) - len(kept)
        drafts = [_with_label(draft, number) for draft, number in kept]
    else:
        drafts = [_with_label(draft, str(draft.label)) for draft in drafts]
    items = to_items(drafts, place, "texts")
    labels = None if regression else classes((item.label for item in items), place)
    if labels is not None and len(labels) < 2:
        raise UsageError(
            f"{place.given}: all texts have the label {labels[0]!r}; there is nothing to learn."
        )
    pairs = any(isinstance(i.source, tuple) and i.source[1] is not None for i in items)
    measured = _measure(items, regression) | {"pairs": pairs}
    features: dict[str, Any] = {"text": tfds.features.Text(), "file": tfds.features.Text()}
    if pairs:
        features["text2"] = tfds.features.Text()
    features["label"] = np.float32 if regression else tfds.features.ClassLabel(names=labels)
    low, middle, high = measured["bytes"]
    facts = [
        ("texts", f"{'pairs, ' if pairs else ''}{low:,} to {high:,} bytes, half up to {middle:,}")
    ]
    if regression:
        spread = f"{measured['mean']:.4g} ± {measured['std']:.4g}"
        facts.append(("numbers", f"{measured['least']:.4g} to {measured['most']:.4g}, {spread}"))
    return Found(
        kind="texts",
        place=place,
        layout=layout,
        items=items + unreadable(broken, items[0].split),
        labels=labels,
        features=features,
        read=_reader(pairs),
        passed=passed,
        measured=measured,
        facts=facts,
        notes=class_notes(items, labels) if labels else [],
    )


def _with_label(draft: Draft, label: Label) -> Draft:
    return Draft(
        name=draft.name, source=draft.source, content=draft.content, label=label, split=draft.split
    )


def _is_number(numbers: Sequence[float | None], label_type: str | None, column: str | None) -> bool:
    """Whether the labels are numbers to predict: fractions, or more whole numbers than classes would have.

    All whole numbers from 0 or 1 on, in a column named like classes, are classes, however many there are.
    """
    known = [number for number in numbers if number is not None]
    if label_type == "float32" and known:
        return True
    if len(known) < 0.99 * len(numbers):
        return False
    values = sorted(set(known))
    if any(n != int(n) for n in known) or len(values) <= MOST_CLASSES:
        return any(n != int(n) for n in known)
    gapless = values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1
    return not (gapless and (column or "").lower() in CLASSES and 3 * len(values) <= len(known))


# === Tables ===


def _tables(place: Place, passed: Counter[str]) -> list[tuple[tables.Table, str | None]]:
    """The tables with texts and labels, and the splits that their names mean; none if there are folders of texts."""
    if place.root.is_file():
        if not tables.is_table(place.root):
            raise UsageError(
                f"{place.given} is not a table ({', '.join(tables.SUFFIXES)}); name one, or a folder with one folder "
                "of texts per class."
            )
        return [(tables.read(place.root), None)]
    found = listing(place.root)
    paths = [path for path in found.files if tables.is_table(path) and len(path.parts) <= 2]
    if not paths:
        return []
    named = splits_of_files(paths)
    if "train" in named.values():  # others are notes and the like
        paths = [path for path in paths if named[path]]
    paths = [p for p in paths if "submission" not in p.stem.lower()] or paths
    passed.update(found.passed)
    if len(found.files) > len(paths):
        passed["not tables of texts"] += len(found.files) - len(paths)
    chosen = [(tables.read(found.root / path), named[path]) for path in paths]
    label = _label_column(place, _first(chosen))
    with_label = [(table, split) for table, split in chosen if _has_labels(table, label)]
    # Tests of competitions come without labels.
    if with_label and len(with_label) < len(chosen):
        passed["tables without a label"] += len(chosen) - len(with_label)
    return with_label or chosen


def _has_labels(table: tables.Table, label: str | None) -> bool:
    """Whether a table has the column, and not only cells that stand for no label: nothing, or -1 as GLUE's tests."""
    if label not in table.columns:
        return False
    return {tables.class_name(cell) for cell in table.column(label)} - {None, "-1", "-1.0"} != set()


def _first(chosen: Sequence[tuple[tables.Table, str | None]]) -> tables.Table:
    """The table whose columns decide for all: the one to train on, if it is named so."""
    return next((table for table, split in chosen if split == "train"), chosen[0][0])


def _layout(place: Place, chosen: Sequence[tuple[tables.Table, str | None]]) -> str:
    columns = _columns(place, _first(chosen))
    named = ", ".join(f"{key} = {name!r}" for key, name in columns.items() if name)
    _, told = given_splits.of_rows(_first(chosen))
    names = ", ".join(table.path.name for table, _ in chosen[:3])
    return f"table {names}: {named}{'; ' if told else ''}{told}"


def _columns(place: Place, table: tables.Table) -> dict[str, str | None]:
    """The columns of "text", "text2" (None for single texts) and "label"."""
    options = place.options
    has = f"Its columns are {', '.join(table.columns)}."
    label = _label_column(place, table)
    if label is None:
        raise UsageError(
            f"{table.path}: which column is the label? Add --set data.label=NAME. {has}"
        )
    taken = [label, *(n for n in table.columns if n.lower() in given_splits.COLUMNS)]
    if not options.get("text"):
        by_name = {name.lower(): name for name in table.columns if name not in taken}
        for first, second in PAIRS:
            if first in by_name and second in by_name:
                return {"text": by_name[first], "text2": by_name[second], "label": label}
    text = tables.find_column(table, "data.text", options.get("text"), TEXTS, is_text, taken)
    if text is None:
        raise UsageError(f"{table.path}: which column is the text? Add --set data.text=NAME. {has}")
    values = {tables.class_name(cell) for cell in table.column(label)}
    # pandas names columns 0, 1, 2 where they have no names.
    if tables.number(text) is None and (label in values or tables.number(label) is not None):
        raise UsageError(
            f"{table.path}: line 1 must name the columns, such as text,label; it looks like a row, {label!r} among "
            "its cells being a label."
        )
    second = options.get("text2")
    if second is not None:
        tables.find_column(table, "data.text2", second, (), is_text)
    return {"text": text, "text2": second, "label": label}


def _label_column(place: Place, table: tables.Table) -> str | None:
    wanted = place.options.get("label")
    taken = [name for name in table.columns if name.lower() in given_splits.COLUMNS]
    taken += [name for name in table.columns if name.lower() in ("id", "idx", "index", "")]
    otherwise = "add --set data.label=NAME"
    named = tables.find_labels(table, wanted, LABELS, _is_label, taken, otherwise)
    free = [name for name in table.columns if name not in taken]
    if named is None and len(free) == 2:  # the shorter of two columns
        shorter = min(free, key=lambda name: _mean_length(table.column(name)))
        return shorter if _is_label(table.column(shorter)) else None
    return named


def _is_label(cells: list[tables.Cell]) -> bool:
    names = {name for cell in cells if (name := tables.class_name(cell))}
    numeric = all(tables.number(name) is not None for name in names)
    return len(names) > 1 and (numeric or len(names) <= max(2, len(cells) // 2))


def is_text(cells: list[tables.Cell]) -> bool:
    words = [cell for cell in cells if isinstance(cell, (str, bytes)) and cell]
    return len(words) > len(cells) / 2 and any(tables.number(word) is None for word in words)


def _mean_length(cells: list[tables.Cell]) -> float:
    return statistics.fmean(len(str(cell)) for cell in cells)


def _from_tables(
    place: Place, chosen: Sequence[tuple[tables.Table, str | None]], passed: Counter[str]
) -> tuple[list[Draft], list[tuple[str, PerceiverError]]]:
    """The rows with a text and a label, and the names of those whose cells are broken, with the reason."""
    drafts: list[Draft] = []
    broken: list[tuple[str, PerceiverError]] = []
    root = place.root if place.root.is_dir() else place.root.parent
    of_first = _columns(place, _first(chosen))
    for table, split in chosen:
        shared = all(name in table.columns for name in of_first.values() if name)
        columns = of_first if shared else _columns(place, table)
        name_of = tables.class_namer(table.column(columns["label"]))
        splits, _ = given_splits.of_rows(table)
        for line, row, own in zip(table.lines, table.rows, splits, strict=True):
            name = f"{shown(table.path.relative_to(root))}:{line}"
            try:
                *texts, _ = (
                    text_of(row[columns[key]]) if columns[key] else None
                    for key in ("text", "text2", "label")
                )
            except PerceiverError as error:
                broken.append((name, error))
                continue
            label = name_of(row[columns["label"]])
            if not (texts[0] or texts[1]) or label is None:
                passed["rows without a text or label"] += 1
                continue
            drafts.append(
                Draft(
                    name=name,
                    source=(
                        texts[0] or "",
                        texts[1] if columns["text2"] is None else texts[1] or "",
                    ),
                    content="\0".join(text or "" for text in texts).encode(),
                    label=label,
                    split=own or split,
                )
            )
    drafts = _with_labels(drafts, passed)
    if not drafts:
        why = f" {broken[0][0]} is broken: {broken[0][1]}." if broken else ""
        raise UsageError(f"{place.given}: no row has a text and a label.{why}")
    return drafts, broken


def _with_labels(drafts: Sequence[Draft], passed: Counter[str]) -> list[Draft]:
    """Without the rows of a test split whose only label is -1, as GLUE's and other hidden tests have it."""
    by_split: dict[str | None, set[Label]] = {}
    for draft in drafts:
        by_split.setdefault(draft.split, set()).add(draft.label)
    if by_split.get("test") != {"-1"} or len(by_split) == 1:
        return list(drafts)
    kept = [draft for draft in drafts if draft.split != "test"]
    passed["rows without a text or label"] += len(drafts) - len(kept)
    return kept


def text_of(cell: tables.Cell) -> str:
    """The cell as text; "" if it is empty or NaN.

    Raises:
      PerceiverError: its bytes are not UTF-8, it holds half of a pair of surrogates, as JSON may, or it is a list, a
        date or the like.
    """
    if isinstance(cell, bytes):
        return decode_text(cell)
    if not isinstance(cell, tables.PLAIN) and cell is not None:
        raise PerceiverError(f"its type is {type(cell).__name__}; expected text or a number")
    text = "" if cell is None or (isinstance(cell, float) and math.isnan(cell)) else str(cell)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PerceiverError(
            f"its character {error.start + 1} is half of a character (a lone surrogate)"
        ) from None
    return text


# === Examples ===


def _texts(source: Path | tuple[str, str | None] | PerceiverError) -> tuple[str, str | None]:
    if isinstance(source, PerceiverError):
        raise source
    if isinstance(source, tuple):
        return source
    content = source.read_bytes()
    if len(content) > _LONGEST:
        raise PerceiverError(f"{len(content):,} bytes; a text may have {_LONGEST:,}")
    return decode_text(content), None


def _reader(pairs: bool) -> Any:
    def read(item: Item) -> Iterator[dict[str, Any]]:
        first, second = _texts(item.source)
        if not (first.strip() or (second or "").strip()):
            raise PerceiverError("holds only white space")
        example: dict[str, Any] = {"text": first, "file": item.name, "label": item.label}
        yield example | ({"text2": second or ""} if pairs else {})

    return read


def _measure(items: Sequence[Item], regression: bool) -> dict[str, Any]:
    """Lengths in bytes (shortest, median, longest), their 95th percentile, and of numbers mean, spread and range."""
    lengths = sorted(_length(item.source) for item in items)
    found: dict[str, Any] = {
        "bytes": (lengths[0], lengths[len(lengths) // 2], lengths[-1]),
        "most_bytes": lengths[int(0.95 * (len(lengths) - 1))],
    }
    if regression:
        # Data to judge a model on need not have examples to train on.
        values = [item.label for item in items if item.split == "train"]
        values = values or [item.label for item in items]
        found |= {"mean": statistics.fmean(values), "std": statistics.pstdev(values)}
        found |= {"least": min(values), "most": max(values)}
    return found


def _length(source: Path | tuple[str, str | None]) -> int:
    if isinstance(source, tuple):
        return sum(len(text.encode()) for text in source if text)
    return source.stat().st_size
