"""Copies a SavedModel to the folder that a server watches, completely or not at all; without TensorFlow and TFX."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping

from absl import logging

from perceiver_keras.errors import PerceiverError

ASIDE = ".push-"  # prefix of folders that are being written
LOCK = ".push.lock"
PUSH_FILE = "assets.extra/push.json"  # in a version: {"version", "run": the name of the run that published it}


def publish(
    model: str, destination: str, added: Callable[[str], Mapping[str, str]] | None = None
) -> str:
    """Copies the folder `model` to a new version folder in `destination`.

    The version is the Unix time in seconds, or the newest version plus one if that is larger.

    Args:
      added: The version's name -> files to write into it, {path in the version: text}; they replace those of `model`,
        also where these are spelled with other capitals: not every disk tells the two apart.

    Returns:
      The version folder.

    Raises:
      PerceiverError: `destination` can't be written to; then nothing is left there.
    """
    try:
        os.makedirs(destination, exist_ok=True)
        with _lock(destination):
            _remove_leftovers(destination)
            taken = [int(name) for name in os.listdir(destination) if name.isdecimal()]
            version = max([int(time.time()), *(number + 1 for number in taken)])
            aside = os.path.join(destination, f"{ASIDE}{version}")
            target = os.path.join(destination, str(version))
            try:
                shutil.copytree(model, aside, copy_function=shutil.copyfile)
                for name, text in (added(str(version)) if added else {}).items():
                    _make_room(aside, name)
                    with open(os.path.join(aside, name), "w", encoding="utf-8") as file:
                        file.write(text)
                _flush(aside)
                os.rename(aside, target)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)  # frees the space of a full disk
                raise
            _flush_folder(destination)
    except OSError as error:
        # copytree collects one (from, to, reason) per file.
        why = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror
        raise PerceiverError(
            f"Can't push to {destination}: {why or error}. Nothing was published."
        ) from error
    return target


def _make_room(folder: str, name: str) -> None:
    """Makes the folder of a file to be written, and removes what has its name there, but for capitals."""
    place = os.path.dirname(os.path.join(folder, name))
    os.makedirs(place, exist_ok=True)
    for other in os.listdir(place):
        if other.lower() == os.path.basename(name).lower():
            os.remove(os.path.join(place, other))


@contextlib.contextmanager
def _lock(destination: str) -> Iterator[None]:
    """Allows one push at a time per folder. The kernel frees the lock when its holder dies."""
    with open(os.path.join(destination, LOCK), "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logging.info("Another push to %s is in progress: waiting for it.", destination)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_leftovers(destination: str) -> None:
    """Removes what killed pushes left. The caller holds the lock, so no live push is among them."""
    for name in os.listdir(destination):
        if name.startswith(ASIDE):
            logging.warning("Removing %s, left over from a push that was killed.", name)
            shutil.rmtree(os.path.join(destination, name))


def _flush(folder: str) -> None:
    for path, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(path, name), "rb") as file:
                os.fsync(file.fileno())
        _flush_folder(path)


def _flush_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
