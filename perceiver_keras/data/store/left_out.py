"""Corrupt items of the user's files: left out up to a share, and named with their reasons in a file of dead letters."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import tensorflow as tf

from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.files import aside_of

Value = TypeVar("Value")
Example = TypeVar("Example")

log = logging.getLogger(__name__)  # the command line shows what is written here
MOST_NAMED = 5
# Of this machine, not of a file.
_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_said: set[str] = set()


def letters_file(folder: str, name: str) -> str:
    """The file of dead letters of the data set `name` (such as `text_folder/1.0.0`) in a data folder."""
    return os.path.join(folder, "own_data", "dead_letter", f"{name.replace('/', '-')}.jsonl")


def read_letters(path: str | os.PathLike) -> dict[str, str]:
    """{item: reason} of a file of dead letters; empty if there is none."""
    return {row["file"]: row["reason"] for row in _rows(path)}


def _rows(path: str | os.PathLike) -> list[dict[str, Any]]:
    try:
        with tf.io.gfile.GFile(os.fspath(path)) as file:
            return [json.loads(line) for line in file.read().splitlines()]
    except tf.errors.NotFoundError:
        return []


def _write_letters(path: str, bad: Mapping[str, str], total: int) -> None:
    if not bad:
        if tf.io.gfile.exists(path):
            tf.io.gfile.remove(path)
        return
    tf.io.gfile.makedirs(os.path.dirname(path))
    rows = (
        json.dumps({"file": name, "reason": reason, "of": total}) for name, reason in bad.items()
    )
    aside = str(aside_of(path))
    with tf.io.gfile.GFile(aside, "w") as file:
        file.write("".join(f"{row}\n" for row in rows))
    tf.io.gfile.rename(aside, path, overwrite=True)


class Reading:
    """One pass over the items of a data set, split by split.

    Attributes:
      bad: Item -> why it can't be read, so far.
      total: The number of items that `bad` is a share of; None: those that were read.
    """

    def __init__(
        self,
        letters: str | os.PathLike,
        share: float,
        total: int | None = None,
        progress: Callable[[int], None] = lambda count: None,
    ):
        """Construct.

        Args:
          letters: Where the corrupt items are listed.
          share: The share of the items that may be corrupt, 0 to 1.
          total: See the attribute.
          progress: Called with 1 for each item that was read.
        """
        self._letters, self._share, self._progress = os.fspath(letters), share, progress
        self.bad: dict[str, str] = {}
        self.total, self._names = total, set[str]()

    def examples(
        self,
        items: Iterable[tuple[str, Value]],
        read: Callable[[Value], Iterable[Example]],
        split: str,
        last: bool,
    ) -> Iterator[Example]:
        """The examples of a split; after those of the last split, the corrupt items are listed and judged.

        Args:
          items: Names, unique in the data set, and what `read` takes.
          read: Gives the examples of an item; raises `PerceiverError` or `OSError` if the item is corrupt. An item is
            stored whole or not at all.
          split: Its name.
          last: Whether no split comes after it.

        Raises:
          PerceiverError: more items are corrupt than allowed, or all items of the split are.
        """
        good = 0
        for name, value in items:
            found = self._try(name, value, read)
            self._progress(1)
            yield from found
            good += len(found)
        if last or not good:
            total = len(self._names) if self.total is None else self.total
            _write_letters(self._letters, self.bad, total)
            judge(self.bad, total, self._share, self._letters, "" if good else split)

    def readable(
        self, items: Iterable[tuple[str, Value]], read: Callable[[Value], Iterable[Any]]
    ) -> list[tuple[str, Value]]:
        """The items that can be read; the others are noted as corrupt. For few items, before splits are made."""
        return [(name, value) for name, value in items if self._try(name, value, read)]

    def _try(
        self, name: str, value: Value, read: Callable[[Value], Iterable[Example]]
    ) -> list[Example]:
        self._names.add(name)
        try:
            found = list(read(value))
        except OSError as error:
            if error.errno in _MACHINE:
                raise
            self.bad[name] = str(error)
            return []
        except PerceiverError as error:
            self.bad[name] = str(error)
            return []
        except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
            self.bad[name] = first_line(error)
            return []
        if not found:
            self.bad[name] = "it holds no examples"
        return found


def judge(
    bad: Mapping[str, str],
    total: int,
    share: float,
    letters: str | os.PathLike,
    empty: str = "",
    prepared: str = "",
) -> None:
    """Raises `PerceiverError` if too many items are corrupt, or if the split `empty` has no other items.

    Args:
      bad: Item -> reason.
      total: The number of items, good and bad.
      share: The share of them that may be corrupt.
      letters: The file that lists them.
      empty: The name of a split without readable items.
      prepared: The folder of the data set, if it was written without them and is not made again by itself.
    """
    if not empty and len(bad) <= share * total:
        return
    again = f" and remove {prepared}, so that it is made again" if prepared else ""
    if empty:
        what_to_do = f"nothing is left for {empty}. Repair or replace them"
    else:
        least = -(-1000 * len(bad) // total) / 1000
        what_to_do = (
            f"data.max_corrupt_share allows {share:g} of them. Repair or remove them{again}, or leave them out with "
            f"--set data.max_corrupt_share={least:g}"
        )
    raise PerceiverError(
        f"{len(bad)} of {total} can't be read: {named(bad)}; {what_to_do}. All are listed in {letters}."
    )


def named(bad: Mapping[str, str]) -> str:
    """The first few items with their reasons, and how many more there are."""
    first = "; ".join(f"{name} ({reason})" for name, reason in list(bad.items())[:MOST_NAMED])
    return first + (f"; and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else "")


def judge_again(builder: Any, folder: str, share: float | None) -> None:
    """Of a prepared data set of the user's files: says once per process what was left out of it, and judges that again.

    Args:
      builder: Of TFDS.
      folder: The data folder.
      share: See `judge`; None: it is only said.

    Raises:
      PerceiverError: as `judge`.
    """
    path = letters_file(folder, builder.info.full_name)
    rows = _rows(path)
    if not rows:
        return
    bad, total = {row["file"]: row["reason"] for row in rows}, max(row["of"] for row in rows)
    if share is not None:
        judge(bad, total, share, path, prepared=str(builder.data_dir))
    if path not in _said:
        _said.add(path)
        log.warning("%s: left out %d of %d: %s", builder.name, len(bad), total, named(bad))


def say_passed(name: str, passed: Mapping[str, int]) -> None:
    """Says how many files of the data set `name` were passed over, and why."""
    if passed:
        many = ", ".join(f"{count:,} {why}" for why, count in sorted(passed.items()))
        log.info("%s: passed over %s", name, many)
