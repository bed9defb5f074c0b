"""Writing files and folders so that each is whole or not there, on a disk or in a store; and what a full disk says."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perceiver_keras.errors import PerceiverError, UsageError, first_line, is_disk_full
from perceiver_keras.remote import as_path, is_remote, upload


def aside_of(path: str | os.PathLike) -> Any:
    """The path `NAME.tmp-MACHINE-PROCESS` beside `path`, for this process to write and then rename to `path`.

    The first time that a process asks for one in a local folder, what processes that died left there is removed.
    """
    path = as_path(path)
    if not is_remote(path):
        _remove_leftovers(path.absolute().parent)
    return path.with_name(f"{path.name}.tmp-{_machine()}-{os.getpid()}")


@functools.cache
def _machine() -> str:
    """Names where process ids mean something: other hosts and containers may write into the same folder."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


@functools.cache  # once in a process: a folder can hold many files, each of which is written this way
def _remove_leftovers(folder: Path) -> None:
    """Removes the asides of this machine's dead processes, and puts back a folder that `_replace` had moved away."""
    names = os.listdir(folder) if folder.is_dir() else ()
    for name in names:
        found = re.fullmatch(rf"(.+)\.tmp-{_machine()}-(\d+)(\.old)?", name)
        if found is None or _lives(int(found[2])):
            continue
        left, target = folder / name, folder / found[1]
        with contextlib.suppress(OSError):  # another process removes them too, or they are not ours
            if found[3] and not target.exists():
                left.rename(target)
            elif left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)  # only asks
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is someone else's, or the number is of no process here
        return True
    return True


@contextlib.contextmanager
def _naming(path: Any, aside: Any) -> Iterator[None]:
    """Errors name `path`, which was asked for, or its folder if that is missing, instead of `aside`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:  # HDF5's have none, and would lose their text with one
            named = path if path.parent.exists() else path.parent
            error.filename = str(error.filename).replace(str(aside), str(named))
        raise


def write_whole(path: str | os.PathLike, content: str | bytes) -> None:
    """Replaces the file at `path` in one step: after a kill, it has the old content or the new."""
    path = as_path(path)
    aside = aside_of(path)
    data = content.encode() if isinstance(content, str) else content
    with _naming(path, aside):
        try:
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                if not is_remote(path):
                    os.fsync(file.fileno())
            aside.replace(path)
        except BaseException as error:
            # Also after an interrupt: half a file is of no use, and keeps a full disk full.
            aside.unlink(missing_ok=True)
            if isinstance(error, OSError):
                error.filename = error.filename or str(path)
            raise


def write_json(path: str | os.PathLike, value: Any) -> None:
    """`write_whole` of a value as indented JSON with sorted keys; raises TypeError for what JSON cannot hold."""
    write_whole(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: str | os.PathLike, remedy: str, *keys: str) -> dict[str, Any]:
    """The JSON object in one of our own files, which has at least these keys.

    Raises:
      FileNotFoundError: there is no such file.
      PerceiverError: it is damaged; the line ends with `remedy`, which says what to do.
    """
    path = as_path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no JSON object")
        if missing := [key for key in keys if key not in found]:
            raise ValueError(f"it lacks {', '.join(missing)}")
    except (ValueError, RecursionError) as error:
        raise PerceiverError(f"{path} is damaged ({first_line(error)}); {remedy}.") from None
    return found


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
    aside = Path(scratch, target.name) if remote else aside_of(target)
    try:
        with has_room(target), _naming(target, aside):
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
    """Renames `aside` to `folder`; what is there takes its name, in the same step where the system can do that.

    Elsewhere it is renamed before; after a kill in between, the next write puts it back.
    """
    if folder.exists() and _exchange(aside, folder):
        return
    old = Path(f"{aside}.old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swaps the names of two folders; False if this system or file system can't (Linux can, NFS for example not)."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0


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
