"""Sentences in columns: CoNLL's files of one token per line, CoNLL-U, and tables with a row per token."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from perceiver_keras.data.own import tables
from perceiver_keras.data.text.encodings import decode_text
from perceiver_keras.errors import PerceiverError

_CONLLU = 10  # columns: number, form, lemma, universal part of speech, ...
_FORM, _UPOS = 1, 3
# Usual names of the column of documents, in lower case.
_DOCUMENTS = (
    "doc",
    "document",
    "doc_id",
    "document_id",
    "docid",
    "file",
    "filename",
    "article",
    "article_id",
)


class Sentence(NamedTuple):
    """Tokens and their tags, of one length."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


def read_lines(
    path: Path, tokens: Sequence[str], tags: Sequence[str]
) -> Iterator[tuple[int, Sentence]]:
    """(line where it begins, sentence) of a file with a token per line and an empty line after each sentence.

    The token is in the first column and the tag in the last. If the first one counts the tokens of each sentence, the
    token is in the second; of CoNLL-U's ten columns, the tag is the universal part of speech. A first line that names
    these columns, and whose tag no other line has, is none of the tokens.

    Args:
      path: Of the file.
      tokens: Usual names of the column of tokens, in lower case.
      tags: Of that of tags.

    Raises:
      PerceiverError: a line lacks its tag, or has more or fewer columns than the others.
    """
    try:
        text = decode_text(path.read_bytes())
    except PerceiverError as error:
        raise PerceiverError(f"{path}: {error}.") from error
    lines = [(number, _cells(line)) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1)]
    # A line that begins with # is a comment unless it looks like all others, because # is a token, too.
    sure = [(n, cells) for n, cells in lines if cells and not cells[0].startswith("#")]
    sure = [(n, cells) for n, cells in sure if cells[0] != "-DOCSTART-"]
    if not sure:
        return
    width = Counter(len(cells) for _, cells in sure).most_common(1)[0][0]
    _check(path, sure, width)
    header = sure[0][0] if _names_columns(sure, width, tokens, tags) else None
    rows = sure[1:] if header else sure
    token, tag = _places(rows, width)
    known_tags = {cells[tag] for _, cells in rows}
    known = {number for number, _ in rows}
    sentence: list[tuple[str, str]] = []
    begin = 1
    for number, cells in [*lines, (len(lines) + 1, [])]:
        if not cells or number == header:
            if sentence:
                yield begin, Sentence(*zip(*sentence, strict=True))
            sentence, begin = [], number + 1
            continue
        hash_sign = cells[0].startswith("#") and len(cells) == width and cells[tag] in known_tags
        # 1-2 and 1.1 are words that CoNLL-U's other lines have in parts, or that are not there.
        counted = token == 0 or cells[0].isdecimal()
        if (number in known or hash_sign) and counted:
            sentence.append((cells[token], cells[tag]))


def _cells(line: str) -> list[str]:
    """The columns, between tabs or spaces. Other white space, such as one that does not break, is part of a token."""
    if not line.strip():
        return []
    parts = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
    return [part.strip(" ") for part in parts]


def _check(path: Path, lines: Sequence[tuple[int, list[str]]], width: int) -> None:
    for number, cells in lines:
        if len(cells) < 2 or not cells[0] or not cells[-1]:
            raise PerceiverError(
                f"{path}, line {number}: {' '.join(cells).strip()[:60]!r} is not a token and its tag, separated by a "
                "tab or spaces."
            )
        if len(cells) != width:
            raise PerceiverError(
                f"{path}, line {number}: {len(cells)} columns, but most lines have {width}; separate columns with tabs "
                "if tokens hold spaces."
            )


def _names_columns(
    lines: Sequence[tuple[int, list[str]]], width: int, tokens: Sequence[str], tags: Sequence[str]
) -> bool:
    """Whether the first line names the columns of the others, and its tag is none of theirs."""
    (_, head), *rows = lines
    if not rows:
        return False
    token, tag = _places(rows, width)
    named = head[token].lower() in tokens and head[tag].lower() in tags
    return named and all(cells[tag] != head[tag] for _, cells in rows)


def _places(lines: Sequence[tuple[int, list[str]]], width: int) -> tuple[int, int]:
    """The columns of the token and of its tag."""
    counted = width > 2
    before, last = 0, 0
    for number, cells in lines:
        if not re.fullmatch(r"\d+([-.]\d+)?", cells[0]):
            counted = False
            break
        last, before = (last if number == before + 1 else 0), number
        if cells[0].isdecimal():
            last += 1
            counted = counted and int(cells[0]) == last
    if not counted:
        return 0, width - 1
    return _FORM, _UPOS if width == _CONLLU else width - 1


def read_rows(path: Path, tokens: Sequence[str], tags: Sequence[str]) -> Iterator:
    """The same of a CSV with a row per token, whose column named like a sentence says where each begins.

    If there is a column of documents, each begins a sentence, too: numbers may begin again in each.

    Args:
      path: Of the CSV.
      tokens: Usual names of the column of tokens, in lower case.
      tags: Of that of tags.

    Raises:
      PerceiverError: a column is missing, or a row lacks its token or tag.
    """
    table = tables.read(path)
    named = {name.lower(): name for name in table.columns}
    token, tag = (next((named[n] for n in usual if n in named), None) for usual in (tokens, tags))
    sentence = next((name for low, name in named.items() if "sent" in low), None)
    if token is None or tag is None or sentence is None:
        raise PerceiverError(
            f"{path}: expected a row per token, with columns named such as sentence, word and tag; its columns are "
            f"{', '.join(table.columns)}."
        )
    document = next((named[name] for name in _DOCUMENTS if name in named), sentence)
    held: list[tuple[str, str]] = []
    begin, current = table.lines[0], (None, None)
    for line, row in zip(table.lines, table.rows, strict=True):
        # Only a document's and a sentence's first row may name it.
        names = (tables.class_name(row[document]), tables.class_name(row[sentence]))
        names = tuple(name or old for name, old in zip(names, current, strict=True))
        if names != current:
            if held:
                yield begin, Sentence(*zip(*held, strict=True))
            held, begin, current = [], line, names
        if not row[token] or not row[tag]:
            raise PerceiverError(f"{path}, line {line}: no {token if not row[token] else tag}.")
        held.append((str(row[token]), str(row[tag])))
    yield begin, Sentence(*zip(*held, strict=True))
