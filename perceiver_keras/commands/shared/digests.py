"""Digests by which contents of requests, and models, are known again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def digest(value: Any) -> str:
    """Of bytes, texts, numbers, arrays, and tuples, lists and dictionaries of these; equal values have equal ones."""
    found = hashlib.sha256()
    _add(found, value)
    return found.hexdigest()[:32]


def _add(found: Any, value: Any) -> None:
    """Each part goes in with its kind and its size, so that ("ab", "c") is not ("a", "bc")."""
    if isinstance(value, str):
        value, kind = value.encode("utf-8", "surrogateescape"), "text"
    elif isinstance(value, Mapping):
        value, kind = list(value.items()), "mapping"
    else:
        kind = "bytes" if isinstance(value, bytes) else type(value).__name__
    if isinstance(value, (list, tuple)):
        found.update(f"[{len(value)}".encode())
        for part in value:
            _add(found, part)
        return
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        kind, value = f"array {value.dtype} {value.shape}", value.tobytes()
    if not isinstance(value, bytes):
        value = repr(value).encode()
    found.update(f"{kind} {len(value)}:".encode())
    found.update(value)


def digest_of_files(path: str | os.PathLike) -> str:
    """Of a file, or of a folder's files with their names below it; the folder's own place and dates don't count."""
    root = Path(path)
    found = hashlib.sha256()
    files = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
    for file in files:
        found.update(f"{file.relative_to(root).as_posix()} {file.stat().st_size}:".encode())
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                found.update(chunk)
    return found.hexdigest()[:32]
