"""Writing files atomically: under a temporary name, flushed to the disk, then renamed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_whole(path: str | os.PathLike, content: str | bytes) -> None:
    """Replaces the file at `path` in one step: after a kill, it has the old content or the new."""
    path = Path(path)
    aside = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    data = content.encode() if isinstance(content, str) else content
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def write_json(path: str | os.PathLike, value: Any) -> None:
    """`write_whole` of a value as indented JSON with sorted keys; raises TypeError for what JSON cannot hold."""
    write_whole(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
