"""Texts whose tokens have tags: CoNLL columns, or JSON Lines of tokens and tags; stored as one tag per byte."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import tensorflow_datasets as tfds

from perceiver_keras.data.own import columns, tables
from perceiver_keras.data.own.columns import Sentence
from perceiver_keras.data.own.files import Listing, listing
from perceiver_keras.data.own.found import (
    Draft,
    Found,
    Item,
    Place,
    classes,
    shown,
    to_items,
    unreadable,
)
from perceiver_keras.data.own.splits import splits_of_files
from perceiver_keras.errors import PerceiverError, UsageError

COLUMNS = (".conll", ".iob", ".iob2", ".bio", ".conllu", ".txt", ".tsv")
# Names of columns, the likeliest first.
TOKENS = ("tokens", "words", "token", "text", "word", "form")
TAGS = (
    *("tags", "ner_tags", "labels", "tag", "ner", "pos_tags", "entities"),
    *("label", "ner_tag", "entity", "pos_tag", "pos", "upos"),
)
OUTSIDE = "O"  # the tag of the spaces between tokens, and of tokens that are nothing
FIRST = ord("0")  # the byte of tag 0 in a stored example
MOST_TAGS = 200


def look(place: Place) -> Found:
    """Files of CoNLL columns (token first, tag last, an empty line after each sentence), or JSON Lines.

    Raises:
      UsageError: there are no such files, or too many tags.
      PerceiverError: a file is damaged; the message has the line.
    """
    listed = (
        Listing(place.root.parent, [PurePosixPath(place.root.name)])
        if place.root.is_file()
        else listing(place.root)
    )
    usual = (*COLUMNS, *tables.SUFFIXES)
    paths = listed.keep(
        lambda path: path.suffix.lower() in usual or len(listed.files) == 1, "not tagged texts"
    )
    drafts: list[Draft] = []
    broken: list[tuple[str, PerceiverError]] = []
    splits = splits_of_files(paths)
    for path in paths:
        split = splits[path]
        for line, sentence in read_sentences(listed.root / path):
            name = f"{shown(path)}:{line}"
            try:
                content = _content(sentence)
            except PerceiverError as error:
                broken.append((name, error))
                continue
            drafts.append(Draft(name=name, source=sentence, content=content, split=split))
    if not drafts:
        why = f" {broken[0][0]} is broken: {broken[0][1]}." if broken else ""
        raise UsageError(
            f"{place.given} holds no tagged texts: files of CoNLL columns ({', '.join(COLUMNS[:5])}), or JSON Lines "
            'such as {"tokens": ["a", "b"], "tags": ["O", "X"]}.'
            f"{why}"
        )
    counts = Counter(tag for draft in drafts for tag in draft.source.tags)
    tags = classes((tag for tag in counts if tag != OUTSIDE), place)
    labels = (OUTSIDE, *(tag for tag in tags if tag != OUTSIDE))
    if not 2 <= len(labels) <= MOST_TAGS:
        raise UsageError(
            f"{place.given} has {len(counts)} different tags; expected 2 to {MOST_TAGS}. The first are "
            f"{', '.join(list(counts)[:5])}: is the last column the tag?"
        )
    items = to_items(drafts, place, "texts")
    lengths = sorted(len(joined(item.source)[0]) for item in items)
    listed_tags = ", ".join(f"{tag} {counts[tag]:,}" for tag in labels[:12])
    return Found(
        kind="tagged",
        place=place,
        layout=_layout(paths[0]),
        items=items + unreadable(broken, items[0].split),
        labels=None,
        features={
            "text": tfds.features.Text(),
            "tags": tfds.features.Text(),
            "file": tfds.features.Text(),
        },
        read=_reader(labels),
        passed=listed.passed,
        measured={
            "tags": labels,
            "most_bytes": lengths[int(0.95 * (len(lengths) - 1))],
            "commonest": _commonest(items, labels),
        },
        facts=[
            (
                "tags",
                f"{len(labels)}: {listed_tags}{', …' if len(labels) > 12 else ''} (of tokens)",
            ),
            (
                "texts",
                f"{lengths[0]:,} to {lengths[-1]:,} bytes, half up to {lengths[len(lengths) // 2]:,}",
            ),
        ],
    )


def _content(sentence: Sentence) -> bytes:
    """The bytes that determine its split.

    Raises:
      PerceiverError: a token or tag holds half of a pair of surrogates, as JSON may.
    """
    whole = "\0".join((*sentence.tokens, *sentence.tags))
    try:
        return whole.encode()
    except UnicodeEncodeError as error:
        word = whole.split("\0")[whole.count("\0", 0, error.start)]
        raise PerceiverError(
            f"{ascii(word)} holds half of a character (a lone surrogate)"
        ) from None


def read_sentences(path: Path) -> Iterator[tuple[int, Sentence]]:
    """(line where it begins, sentence) of a file, whichever form it has.

    Raises:
      PerceiverError: a line lacks its tag, or tokens and tags differ in number.
    """
    if tables.kind(path) == ".csv":
        yield from columns.read_rows(path, TOKENS, TAGS)
    elif tables.is_table(path) and tables.kind(path) != ".tsv":
        yield from _of_table(path)
    else:
        yield from columns.read_lines(path, TOKENS, TAGS)


def _layout(path: PurePosixPath) -> str:
    if tables.kind(path) == ".csv":
        return "a row per token"
    columns = path.suffix.lower() in COLUMNS or not tables.is_table(path)
    return "CoNLL columns" if columns else "JSON Lines of tokens and tags"


def _of_table(path: Path) -> Iterator[tuple[int, Sentence]]:
    table = tables.read(path)
    lists = [name for name in table.columns if all(isinstance(c, list) for c in table.column(name))]
    named = {name.lower(): name for name in lists}
    tokens = next((named[name] for name in TOKENS if name in named), None)
    tags = next((named[name] for name in TAGS if name in named), None)
    if tokens is None or tags is None:
        raise PerceiverError(
            f"{path}: expected two lists per line, such as tokens and tags; its columns are {', '.join(table.columns)}."
        )
    for line, row in zip(table.lines, table.rows, strict=True):
        if len(row[tokens]) != len(row[tags]):
            raise PerceiverError(
                f"{path}, line {line}: {len(row[tokens])} tokens but {len(row[tags])} tags."
            )
        for what, cells in (("token", row[tokens]), ("tag", row[tags])):
            for number, cell in enumerate(cells, 1):
                if not _is_text(cell) or (what == "tag" and not str(cell).strip()):
                    raise PerceiverError(
                        f"{path}, line {line}: {what} {number} is {json.dumps(cell, default=str)[:60]}; expected text "
                        f"({OUTSIDE} is the tag of what is nothing)."
                    )
        if row[tokens]:
            yield line, Sentence(tuple(map(str, row[tokens])), tuple(map(str, row[tags])))


def _is_text(cell: Any) -> bool:
    """Whether it is a token or a tag, which may be numbers; JSON's null and NaN are none."""
    return isinstance(cell, str) or (isinstance(cell, (int, float)) and math.isfinite(cell))


def joined(sentence: Sentence) -> tuple[bytes, list[tuple[int, str]]]:
    """The text with a space between tokens, in UTF-8, and (number of bytes, tag) runs that cover it."""
    runs: list[tuple[int, str]] = []
    words = [token.encode() for token in sentence.tokens]
    for number, (word, tag) in enumerate(zip(words, sentence.tags, strict=True)):
        if number:  # a space within an entity belongs to it
            inside = _continues(tag, sentence.tags[number - 1])
            runs.append((1, tag if inside else OUTSIDE))
        runs.append((len(word), tag))
    return b" ".join(words), runs


def _continues(tag: str, before: str) -> bool:
    """Whether a token is of the same entity as the one before it, in IOB1, IOB2, BIOES and BILOU.

    An entity may begin with I- (IOB1), and ends with E- or L- or where another begins. Tags without these letters are
    plain classes, and neighbours of one class are together.
    """
    (letter, _, kind), (letter_before, _, kind_before) = tag.partition("-"), before.partition("-")
    if {letter, letter_before} & set("BIESLU"):
        return letter in "IEL" and letter_before in "BI" and kind == kind_before
    return tag == before


def _reader(labels: Sequence[str]) -> Any:
    places = {tag: number for number, tag in enumerate(labels)}

    def read(item: Item) -> Iterator[dict[str, Any]]:
        if isinstance(item.source, PerceiverError):
            raise item.source
        text, runs = joined(item.source)
        tags = b"".join(bytes([FIRST + places[tag]]) * count for count, tag in runs)
        yield {"text": text, "tags": tags, "file": item.name}

    return read


def _commonest(items: Sequence[Item], labels: Sequence[str]) -> float:
    """The share of bytes of the test split that have its commonest tag."""
    counts: Counter[str] = Counter()
    for item in items:
        if item.split == "test":
            for count, tag in joined(item.source)[1]:
                counts[tag] += count
    return max(counts.values()) / counts.total() if counts else 0.0
