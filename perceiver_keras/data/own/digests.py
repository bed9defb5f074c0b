"""SHA-256 of files, remembered by size and times, so that a second look at many files is fast."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_json

_THREADS = 8
_BLOCK = 1 << 20


def of_files(paths: Sequence[Path], memory: Path | None = None) -> list[str]:
    """SHA-256 of each file, in hex.

    Args:
      paths: Of the files.
      memory: A JSON file with earlier results, which is completed; None: nothing is remembered.

    Raises:
      PerceiverError: a file can't be read.
    """
    known = _read(memory)
    keys = [_key(path) for path in paths]
    unknown = [(path, key) for path, key in zip(paths, keys, strict=True) if key not in known]
    with ThreadPoolExecutor(_THREADS) as pool:
        digests = pool.map(lambda item: _digest(item[0]), unknown)
        known |= {key: digest for (_, key), digest in zip(unknown, digests, strict=True)}
    if memory is not None and unknown:
        with contextlib.suppress(OSError):  # only a later look is slower
            memory.parent.mkdir(parents=True, exist_ok=True)
            write_json(memory, {key: known[key] for key in keys})
    return [known[key] for key in keys]


def _read(memory: Path | None) -> dict[str, str]:
    try:
        return dict(json.loads(memory.read_text())) if memory else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _key(path: Path) -> str:
    about = os.stat(path)
    # A file may be replaced by another of the same size with its time set back; the inode's time can't be set.
    return f"{path}:{about.st_size}:{about.st_mtime_ns}:{about.st_ctime_ns}"


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise PerceiverError(f"{path} can't be read: {error.strerror}.") from error
    return digest.hexdigest()
