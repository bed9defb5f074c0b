"""A hash of the code that determines a trained model of one task.

TFX caches a component by its inputs and parameters, and does not look at the code that it imports. So the code is a
parameter here: the modules that the task's folder and the Trainer import, followed through the whole repository. A
change in one task's folder does not affect the other tasks; after a change in `training/` all of them run again.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os

from perceiver_keras import checkout

ROOT = checkout.HERE.resolve().parent
PACKAGES = (checkout.PACKAGE, *checkout.NEXT_TO_IT)
# What a run imports although no trained weight depends on it: pictures, messages, logs, the table of tasks, and
# `pk.pipeline`, which asks a trained model.
IRRELEVANT = (
    "perceiver_keras.ask",
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
        content = _content(path)
        result.update(path.encode() + b"\0" + content + b"\0")
    return result.hexdigest()[:16]


def modules(task: str, start: tuple[str, ...] = TRAINING) -> set[str]:
    """Paths in the repository of all modules that `start` and the task import, directly or indirectly."""
    found: set[str] = set()
    seen: set[str] = (
        set()
    )  # most names are imported many times, and looking for a file takes longest
    todo = [*start, f"perceiver_keras.tasks.{task}"]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _path(name)
        if path is None or path in found or name.startswith(IRRELEVANT):
            continue
        found.add(path)
        todo.append(name.rpartition(".")[0])  # Python runs the package's __init__.py first
        todo += _imported(_content(path))
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
    # Text, not `Path`: hundreds of names are looked for in each run, and most of them are no modules.
    place = "/".join(below if below and below[0] in checkout.NEXT_TO_IT else [first, *below])
    for path in (f"{place}.py", f"{place}/__init__.py"):
        if os.path.isfile(_file(path)):
            return path
    return None


def _file(path: str) -> str:
    """A file of the repository, or of what is installed: a run folder moves between them with its cache."""
    inside = f"{ROOT}/{checkout.PACKAGE}/{path}"
    is_inside = path.split("/")[0] in checkout.NEXT_TO_IT and os.path.isfile(inside)
    return inside if is_inside else f"{ROOT}/{path}"


def _content(path: str) -> bytes:
    with open(_file(path), "rb") as file:
        return file.read()
