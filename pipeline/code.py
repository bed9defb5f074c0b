"""A hash of the code that decides what a trained model of one task is.

TFX caches a component by its inputs and parameters and does not look at the code that it imports. So the code is a
parameter here: the modules that the task's folder and the Trainer import, followed through the whole repository. A
change in one task's folder leaves the other tasks alone; a change in `training/` runs all of them again.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("perceiver_keras", "components", "pipeline")
# What a run imports and no trained weight depends on: what it shows, says and logs, and the table of tasks.
IRRELEVANT = (
    "perceiver_keras.show",
    "perceiver_keras.progress",
    "perceiver_keras.training.board",
    "perceiver_keras.tasks.registry",
)


@functools.cache
def code_fingerprint(task: str) -> str:
    """16 hex digits, by the paths and contents of the task's modules."""
    result = hashlib.sha256()
    for path in sorted(modules(task)):
        content = (ROOT / path).read_bytes()
        result.update(path.encode() + b"\0" + content + b"\0")
    return result.hexdigest()[:16]


def modules(task: str) -> set[str]:
    """Paths, relative to the repository, of all that training and exporting a task imports at the top of its modules."""
    found: set[str] = set()
    todo = ["pipeline.user_module", f"perceiver_keras.tasks.{task}"]
    while todo:
        name = todo.pop()
        path = _path(name)
        if path is None or path in found or name.startswith(IRRELEVANT):
            continue
        found.add(path)
        todo += _imported(ROOT / path)
    return found


def _imported(path: Path) -> Iterator[str]:
    """The dotted names that a module's top level imports; of `from a import b`, both `a` and `a.b`."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path(name: str) -> str | None:
    """Where a module of ours lies, relative to the repository; None for others', and for names that are no modules."""
    if name.split(".")[0] not in PACKAGES:
        return None
    place = Path(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if (ROOT / path).is_file():
            return path.as_posix()
    return None
