"""Writing files and folders so that each is whole or not there, on a disk or in a store; and what a full disk says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perceiver_keras.errors import PerceiverError, UsageError, is_disk_full
from perceiver_keras.remote import as_path, is_remote, upload


def write_whole(path: str | os.PathLike, content: str | bytes) -> None:
    """Replaces the file at `path` in one step: after a kill, it has the old content or the new."""
    path = as_path(path)
    aside = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    data = content.encode() if isinstance(content, str) else content
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            if not is_remote(path):
                os.fsync(file.fileno())
        aside.replace(path)
    except (
        BaseException
    ) as error:  # also an interrupt: half a file is of no use, and keeps a full disk full
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)
        raise


def write_json(path: str | os.PathLike, value: Any) -> None:
    """`write_whole` of a value as indented JSON with sorted keys; raises TypeError for what JSON cannot hold."""
    write_whole(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


@contextlib.contextmanager
def whole_folder(folder: str | os.PathLike, last: str) -> Iterator[Path]:
    """A new local folder to fill, which then takes the place of `folder`, whole or not at all.

    A store has no folders that could be renamed: there, `last` is removed first and written last.

    Args:
      folder: Replaced if it is empty or has `last`; the folders above are made.
      last: The name of the file without which a reader does not take the folder.

    Raises:
      UsageError: this process runs in `folder`, or its code lies there.
      PerceiverError: `folder` is something else, which would be lost; or the disk is full.
    """
    target = as_path(folder)
    remote = is_remote(target)
    if not remote:
        _check_replaceable(target, last)
    scratch = tempfile.mkdtemp(prefix="perceiver_upload_") if remote else None
    aside = Path(scratch, target.name) if remote else Path(f"{target}.tmp-{os.getpid()}")
    try:
        with has_room(target):
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            yield aside
            upload(aside, target, last) if remote else _replace(aside, target)
    finally:
        shutil.rmtree(scratch or aside, ignore_errors=True)


def _check_replaceable(folder: Path, last: str) -> None:
    """Raises what `whole_folder` says if the folder may not be replaced."""
    place = folder.resolve()
    for inner, what in (
        (Path.cwd(), "the current folder"),
        (Path(__file__).resolve(), "this program"),
    ):
        if inner.is_relative_to(place):
            raise UsageError(
                f"{folder} would be replaced, and {what} lies in it; name a folder of its own."
            )
    if not folder.exists():
        return
    if not folder.is_dir():
        raise PerceiverError(f"{folder} is a file; name a new folder.")
    if not (folder / last).exists() and any(folder.iterdir()):
        raise PerceiverError(
            f"{folder} holds something else, and would be replaced: it has no {last}. Choose another folder."
        )


def _replace(aside: Path, folder: Path) -> None:
    """Renames `aside` to `folder`; what is there is renamed first, then removed."""
    old = Path(f"{aside}.old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def has_room(place: str | os.PathLike) -> Iterator[None]:
    """Says what was being written if the disk is full; other errors stay as they are.

    Raises:
      PerceiverError: there was no space left for `place`.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, PerceiverError) or not is_disk_full(error):
            raise
        raise PerceiverError(
            f"{os.fspath(place)}: no space left on the disk. Free some, and run the same command again."
        ) from error
