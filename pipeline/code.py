"""A hash of the code that determines a trained model of one task.

TFX caches a component by its inputs and parameters, and does not look at the code that it imports. So the code is a
parameter here: the modules that the task's folder and the Trainer import, followed through the whole repository. A
change in one task's folder does not affect the other tasks; after a change in `training/` all of them run again.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from pathlib import Path

from perceiver_keras import checkout

ROOT = checkout.HERE.resolve().parent
PACKAGES = (checkout.PACKAGE, *checkout.NEXT_TO_IT)
# What a run imports although no trained weight depends on it: pictures, messages, logs, and the table of tasks.
IRRELEVANT = (
    "perceiver_keras.show",
    "perceiver_keras.progress",
    "perceiver_keras.training.board",
    "perceiver_keras.tasks.registry",
)


# Where what a trained model depends on begins, and what the checks of the data do.
TRAINING = ("perceiver_keras.pipeline.user_module",)
CHECKS = (
    "perceiver_keras.components.describe_examples",
    "perceiver_keras.components.leak_detector",
    "perceiver_keras.components.example_validator",
)


@functools.cache
def code_fingerprint(task: str, start: tuple[str, ...] = TRAINING) -> str:
    """16 hex digits, computed from the paths and contents of the task's modules and of those that `start` imports."""
    result = hashlib.sha256()
    for path in sorted(modules(task, start)):
        content = _file(path).read_bytes()
        result.update(path.encode() + b"\0" + content + b"\0")
    return result.hexdigest()[:16]


def modules(task: str, start: tuple[str, ...] = TRAINING) -> set[str]:
    """Paths in the repository of all modules that `start` and the task import, directly or indirectly."""
    found: set[str] = set()
    todo = [*start, f"perceiver_keras.tasks.{task}"]
    while todo:
        name = todo.pop()
        path = _path(name)
        if path is None or path in found or name.startswith(IRRELEVANT):
            continue
        found.add(path)
        todo.append(name.rpartition(".")[0])  # Python runs the package's __init__.py first
        todo += _imported(_file(path).read_bytes())
    return found


@functools.cache
def _imported(source: bytes) -> tuple[str, ...]:
    """The dotted names that a module imports at its top level; `from a import b` gives both `a` and `a.b`."""
    names: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _path(name: str) -> str | None:
    """The path of one of our modules in the repository; None for other modules and for names that are not modules."""
    first, *below = name.split(".")
    if first != checkout.PACKAGE:
        return None
    place = Path(*below) if below and below[0] in checkout.NEXT_TO_IT else Path(first, *below)
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if _file(path.as_posix()).is_file():
            return path.as_posix()
    return None


def _file(path: str) -> Path:
    """A file of the repository, or of what is installed: a run folder moves between them with its cache."""
    inside = ROOT / checkout.PACKAGE / path
    is_inside = path.split("/")[0] in checkout.NEXT_TO_IT and inside.is_file()
    return inside if is_inside else ROOT / path
