"""Files that are whole or not there: written aside, flushed to the disk, then renamed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_whole(path: str | os.PathLike, content: str | bytes) -> None:
    """Replaces `path` by `content` in one step; a kill leaves the old file or the new one."""
    path = Path(path)
    aside = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    data = content.encode() if isinstance(content, str) else content
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def write_json(path: str | os.PathLike, value: Any) -> None:
    write_whole(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
