"""The arguments of `perceiver predict` as requests, read one at a time; unreadable ones carry a reason."""

from __future__ import annotations

import glob
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perceiver_keras.data.own.files import left_over
from perceiver_keras.data.text.encodings import as_utf8
from perceiver_keras.errors import PerceiverError, UsageError

_log = logging.getLogger(__name__)
MOST_BYTES = 1 << 30  # of one file: no picture, sentence or clip is larger


class Request(NamedTuple):
    """One input: its name, and its content (as `Asking.pack` takes it), or the reason why it has none."""

    name: str
    content: Any
    error: str = ""


def from_files(names: Sequence[str]) -> Iterator[Request]:
    """One request per file that `names` stand for, with its bytes; each file is read when its turn comes."""
    yield from map(read, expand(names))


def from_texts(words: Sequence[str], hint: str, by_line: bool = False) -> Iterator[Request]:
    """Each word is a text itself, or a file (- for standard input) that holds one.

    Texts are UTF-8; files with a byte order mark may be UTF-16 or UTF-32 (`data/text/encodings.py`). Of any other
    encoding the bytes are taken as they are, which a model of bytes reads as well as it can.

    Args:
      words: Of the command line.
      hint: What to name, for the error if nothing is named.
      by_line: Whether a file holds one text per line; empty lines are skipped. Line 3 of a.txt is named "a.txt:3".

    Raises:
      UsageError: there are no words.
    """
    if not words:
        raise UsageError(hint)
    for word in words:
        if word != "-" and not _is_file(word):
            content = word.encode("utf-8", "surrogateescape")
            yield Request(word, content) if content.strip() else Request(word, None, "empty")
            continue
        found = _as_text(read(word))
        if found.error or not by_line:
            yield found
            continue
        for number, line in enumerate(found.content.splitlines(), 1):
            if line.strip():
                yield Request(f"{word}:{number}", line)


def _as_text(found: Request) -> Request:
    if found.error:
        return found
    try:
        content = as_utf8(found.content)
    except PerceiverError as error:
        return Request(found.name, None, str(error))
    return Request(found.name, content) if content.strip() else Request(found.name, None, "empty")


def _is_file(name: str) -> bool:
    """Whether it can be read as a file: not a folder, and also a pipe such as /dev/stdin; False for any other text."""
    return os.path.exists(name) and not os.path.isdir(name)


def expand(names: Sequence[str]) -> list[str]:
    """Paths in the order given; a folder stands for the files in it, sorted by name, without left-overs.

    Left-overs are hidden files and what systems leave behind, such as Thumbs.db (`left_over`).

    Raises:
      UsageError: for a URL, a glob that matches nothing, an empty folder, no names at all, or `-` twice.
    """
    found: list[str] = []
    for name in names:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name):
            raise UsageError(
                f"{name} is a URL and nothing is downloaded here; fetch it first: curl -O {name}"
            )
        if name == "-" or os.path.isfile(name):
            found.append(name)
        elif os.path.isdir(name):
            there = sorted(str(p) for p in _inside(Path(name)) if p.is_file())
            inside = [path for path in there if not left_over(Path(path).name)]
            if passed := len(there) - len(inside):
                _log.info("%s: passed over %d left-overs", name, passed)
            if not inside:
                raise UsageError(f"The folder {name} has no files.")
            found += inside
        elif glob.has_magic(name):
            matches = sorted(
                path for path in glob.glob(name, recursive=True) if os.path.isfile(path)
            )
            if not matches:
                raise UsageError(f"{name} matches no file.")
            found += matches
        else:
            found.append(name)  # `read` reports it, as it does other unreadable files
    if not found:
        raise UsageError("Name at least one file, folder or glob, or - for standard input.")
    if found.count("-") > 1:
        raise UsageError("Standard input (-) can be read only once.")
    return found


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UsageError(f"The folder {folder} can't be read: {error.strerror or error}.") from None


def read(name: str) -> Request:
    """The content of a file, or of standard input for `-`, up to 1 GiB."""
    try:
        if name == "-":
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with open(name, "rb") as file:
                content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a zero byte in the name is a ValueError
        return Request(name, None, getattr(error, "strerror", None) or str(error))
    if not content:
        return Request(name, None, "empty")
    if len(content) > MOST_BYTES:
        return Request(name, None, "larger than 1 GiB")
    return Request(name, content)
