"""Plain text to learn a language from: any folder, file or table of texts, from a single file on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import tensorflow_datasets as tfds

from perceiver_keras.data.own import tables, texts
from perceiver_keras.data.own.files import Listing, listing
from perceiver_keras.data.own.found import Draft, Found, Item, Place, shown, to_items, unreadable
from perceiver_keras.data.own.splits import split_of_file
from perceiver_keras.data.text import documents
from perceiver_keras.data.text.encodings import as_utf8
from perceiver_keras.errors import PerceiverError, UsageError

SUFFIXES = (
    *(".txt", ".text", ".md", ".rst", ".tex", ".html", ".htm", ".xml", ".log", ".srt"),
    *(
        ".py",
        ".js",
        ".ts",
        ".java",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".rs",
        ".go",
        ".sh",
        ".sql",
        ".toml",
        ".yaml",
    ),
)
FEW = 20  # with fewer files the pieces of each are distributed, not whole files
LEAST = 3  # pieces, one for each split


def look(place: Place) -> Found:
    """Text files in any folders, or tables with a column of texts; folders or files named by splits are kept to.

    Raises:
      UsageError: there is no text.
      PerceiverError: a single named file is not text.
    """
    if place.root.is_file():
        listed = Listing(place.root.parent, [PurePosixPath(place.root.name)])
        if not tables.is_table(place.root):
            _as_text(place.root)  # its reason is the answer, whatever its suffix
    else:
        listed = listing(place.root)
        listed.files = listed.keep(
            lambda path: path.suffix.lower() in SUFFIXES or tables.is_table(Path(path)), "not texts"
        )
    if not listed.files:
        raise UsageError(
            f"{place.given} holds no texts; expected files such as {', '.join(SUFFIXES[:5])}, or tables "
            f"({', '.join(tables.SUFFIXES)})."
        )
    drafts, broken = drafts_of(place, listed)
    # Files that are not text join a split that others are in, so that none is made of nothing else.
    readable = [draft for draft in drafts if isinstance(draft.source, bytes)]
    items = to_items(readable or drafts, place, "pieces of text")
    if readable:
        others = ((d.name, d.source) for d in drafts if not isinstance(d.source, bytes))
        items += unreadable(others, items[0].split)
    size = sum(len(item.source) for item in items if isinstance(item.source, bytes))
    files = len(listed.files) - listed.passed["blank"]
    return Found(
        kind="documents",
        place=place,
        layout=f"{files:,} file{'s' if files > 1 else ''} of text",
        items=items,
        labels=None,
        features={"text": tfds.features.Text(), "file": tfds.features.Text()},
        read=read,
        passed=listed.passed,
        measured={"bytes": size, "commonest": _commonest(items)},
        facts=[("text", f"{size:,} bytes in pieces of at most {documents.LONGEST:,}")],
        notes=[f"{broken} files or rows are not text; see what was left out."] if broken else [],
    )


def read(item: Item) -> Iterator[dict[str, Any]]:
    if isinstance(item.source, PerceiverError):
        raise item.source
    yield {"text": item.source, "file": item.name}


def drafts_of(place: Place, listed: Listing) -> tuple[list[Draft], int]:
    """The pieces of all files, and how many files and rows are not text; those are drafts whose reading fails.

    Raises:
      UsageError: nothing but white space is there.
    """
    drafts: list[Draft] = []
    broken = 0
    few = len(listed.files) < FEW
    for path in listed.files:
        # Deeper, test.py is just a name.
        split = split_of_file(path if tables.is_table(path) else PurePosixPath(path.parts[0]))
        pieces, reasons = _pieces(place, listed.root / path)
        if not pieces and not reasons:
            listed.passed["blank"] += 1
        broken += len(reasons)
        for part, reason in reasons.items():
            name = f"{shown(path)}{part}"
            drafts.append(Draft(name=name, source=reason, content=os.fsencode(path), split="train"))
        if few and split is None:
            # A single file has to fill three splits.
            pieces = [part for piece in pieces for part in _shorter(piece, len(pieces))]
        whole = b"".join(pieces) if not few else b""
        for number, piece in enumerate(pieces):
            drafts.append(
                Draft(
                    name=f"{shown(path)}#{number:06}",
                    source=piece,
                    content=whole or piece,
                    split=split,
                )
            )
    if not drafts:
        raise UsageError(f"{place.given} holds no text: it is empty or blank.")
    return drafts, broken


def _pieces(place: Place, path: Path) -> tuple[list[bytes], dict[str, PerceiverError]]:
    """The pieces of a file, and why it ({"": reason}) or some of its rows ({":5": reason}) are not text."""
    try:
        if not tables.is_table(path):
            return documents.split(_as_text(path)), {}
        table = tables.read(path)
    except (PerceiverError, OSError) as error:
        return [], {"": PerceiverError(str(error))}
    column = tables.find_column(
        table, "data.text", place.options.get("text"), texts.TEXTS, texts.is_text
    )
    if column is None:
        raise UsageError(
            f"{path}: which column is the text? Add --set data.text=NAME. Its columns are {', '.join(table.columns)}."
        )
    pieces: list[bytes] = []
    reasons: dict[str, PerceiverError] = {}
    for line, cell in zip(table.lines, table.column(column), strict=True):
        try:
            pieces += documents.split(texts.text_of(cell).encode())
        except PerceiverError as error:
            reasons[f":{line}"] = error
    return pieces, reasons


def _as_text(path: Path) -> bytes:
    try:
        return as_utf8(path.read_bytes())
    except PerceiverError as error:
        raise PerceiverError(f"{path}: {error}.") from error


def _shorter(piece: bytes, pieces: int) -> list[bytes]:
    """The piece in parts, so that a few pieces of text become enough for three splits."""
    wanted = max(1, 4 * FEW // pieces)
    return documents.split(piece, max(documents.SHORTEST, len(piece) // wanted))


def _commonest(items: tuple[Item, ...]) -> float:
    """The share of the commonest byte: what a model reaches that always names it."""
    counts: Counter[int] = Counter()
    for item in items:
        if isinstance(item.source, bytes):
            counts.update(item.source)
    return max(counts.values()) / counts.total() if counts else 0.0
