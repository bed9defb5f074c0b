"""A folder of answers: one file per request, and an index that tells which request and which model each is of."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from perceiver_keras.commands.shared.digests import digest
from perceiver_keras.commands.shared.file_names import folded, origin, shown, stem_of
from perceiver_keras.files import write_whole

INDEX = ".answers.jsonl"  # hidden, so that a folder of answers can be asked about like any other


class Identity(NamedTuple):
    """What makes a request the same in another run.

    Attributes:
      request: Of its file, or of its text; the second of two equal ones differs.
      content: Of its content.
    """

    request: str
    content: str


def identity(name: str, content: Any, seen: Counter[str]) -> Identity:
    """The identity of a request. `seen` counts those of this run.

    A file is the same request when its content has changed. What has no file is the same only with the same content.
    """
    of_content = digest(content)
    place = origin(name)
    request = digest(("file", place) if place else ("text", name, of_content))
    seen[request] += 1
    number = seen[request]
    return Identity(request if number == 1 else f"{request}-{number}", of_content)


class AnswerFolder:
    """Files of one suffix in a folder, each written whole.

    A file that the index does not name is never overwritten or taken for an answer. Several processes may write to a
    folder together.

    Attributes:
      path: The folder; made when the first answer is written.
      suffix: Of its files.
      model: Digest of the model and the options that now answer.
      by: The model's name for people.
    """

    def __init__(self, path: Path, suffix: str):
        self.path, self.suffix = path, suffix
        self.model = self.by = ""
        self._entries: dict[str, dict[str, str]] = {}
        self._read_to = 0
        self._taken: set[str] | None = None
        self._numbers: Counter[str] = Counter()

    def there(self, asked: Identity) -> bool:
        """Whether the answer to this very request by this very model is there."""
        self._read()
        entry = self._entries.get(asked.request + self.suffix)
        return (
            entry is not None
            and (entry["content"], entry["model"]) == (asked.content, self.model)
            and (self.path / entry["file"]).is_file()
        )

    def write(self, name: str, asked: Identity, answer: bytes) -> Path:
        """Writes the answer to a request in place of an earlier one of the same request; returns the file."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._locked() as index:
            self._read()
            key = asked.request + self.suffix
            entry = {
                "key": key,
                "file": self._entries[key]["file"] if key in self._entries else self._free(name),
                "request": shown(name)[:200],
                "content": asked.content,
                "model": self.model,
                "by": self.by,
            }
            place = self.path / entry["file"]
            # An old answer must not pass for the new one if this process ends here.
            place.unlink(missing_ok=True)
            self._append(index, entry)
        write_whole(place, answer)
        return place

    def _free(self, name: str) -> str:
        """A name that no file and no entry has, on a disk of any kind."""
        if self._taken is None:
            self._taken = {folded(entry.name) for entry in os.scandir(self.path)}
            self._taken |= {folded(entry["file"]) for entry in self._entries.values()}
        stem = stem_of(name)
        while True:
            self._numbers[folded(stem)] += 1
            number = self._numbers[folded(stem)]
            found = f"{stem}{'' if number == 1 else f'-{number}'}{self.suffix}"
            if folded(found) not in self._taken and not os.path.lexists(self.path / found):
                self._taken.add(folded(found))
                return found

    @contextlib.contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        with (self.path / INDEX).open("a+b") as index:
            with contextlib.suppress(OSError):  # some network disks have no locks
                fcntl.flock(index, fcntl.LOCK_EX)
            yield index

    def _read(self) -> None:
        """Takes in what was appended since the last time, by this process or by another."""
        try:
            with (self.path / INDEX).open("rb") as index:
                index.seek(self._read_to)
                lines = index.read()
        except FileNotFoundError:
            return
        lines = lines[: lines.rfind(b"\n") + 1]  # a line that is not whole yet comes next time
        self._read_to += len(lines)
        for line in lines.splitlines():
            entry = _entry(line)
            if entry and entry["key"].endswith(self.suffix):
                self._entries[entry["key"]] = entry
            if entry and self._taken is not None:
                self._taken.add(folded(entry["file"]))

    def _append(self, index: BinaryIO, entry: dict[str, str]) -> None:
        index.seek(0, os.SEEK_END)
        broken = b""
        if index.tell():
            index.seek(-1, os.SEEK_END)
            broken = (
                b"" if index.read(1) == b"\n" else b"\n"
            )  # after a kill in the middle of a line
        index.write(broken + json.dumps(entry).encode() + b"\n")
        index.flush()
        os.fsync(index.fileno())


def _entry(line: bytes) -> dict[str, str] | None:
    """A line of the index; None if it is damaged or names a file outside the folder."""
    try:
        entry = json.loads(line)
        names = ("key", "file", "content", "model")
        if not all(isinstance(entry[name], str) for name in names):
            return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    file = entry["file"]
    plain = Path(file).name == file and not file.startswith(".") and "\0" not in file
    return entry if plain else None
