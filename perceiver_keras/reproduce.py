"""Published results measured again on the user's own copy of the data: claimed values against measured ones.

The table is `claims.json`, next to this file. Each row is a benchmark, with its task, the claimed values and their
source, and the protocol that measures them ("module:function", which makes a `Protocol` from the name, the data folder
and the options). A new row needs nothing else.

Measurements are stored in a record (JSON) with the columns of every example, so that an interrupted measurement can
continue and its metrics can be recomputed.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata as packages
from pathlib import Path
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

import numpy as np

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.files import write_json
from perceiver_keras.metrics.results import results_of
from perceiver_keras.progress import Progress

if TYPE_CHECKING:
    from perceiver_keras.tasks.task import Task

CLAIMS = Path(__file__).with_name("claims.json")
PACKAGES = ("perceiver-keras", "tensorflow", "keras", "numpy")
SAVE_SECONDS = 5.0  # a kill loses at most the measurements of this time
WEIGHTS = ("model.weights.h5", "model.safetensors", "pytorch_model.bin")  # of a folder


class Protocol(Interface):
    """How one benchmark is measured.

    Attributes:
      keys: The examples' names, in the order in which they are measured.
      at_once: How many of them are passed to `rows` together.
    """

    keys: Sequence[str]
    at_once: int

    def rows(self, model: Any, config: TaskConfig, keys: Sequence[str]) -> np.ndarray:
        """The columns of these examples, as the task's column metrics read them: [len(keys), K]."""

    def group(self, key: str) -> str:
        """The part of the data that an example belongs to, such as a sequence; metrics are also given per part."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A row of the table.

    Attributes:
      task: Its name in the registry.
      model: The preset of the released model, which the weights "deepmind" and "huggingface" stand for.
      protocol: "module:function" that opens a `Protocol`.
      claimed: Values by the names of the task's column metrics.
      source: Where they are claimed.
      data: What they are measured on.
      note: What the source leaves open, and how we decided.
      options: The options of the protocol, with the values behind the claim.
    """

    name: str
    task: str
    model: str
    protocol: str
    claimed: Mapping[str, float]
    source: str
    data: str
    note: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def open(self, data: Path, options: Mapping[str, str]) -> Protocol:
        """The protocol for the data in a folder.

        Raises:
          UsageError: the folder has another layout, or there is no such option.
        """
        for name in options:
            if name not in self.options:
                raise UsageError(f"{self.name} takes no {name}.{nearest(name, self.options)}")
        module, _, function = self.protocol.partition(":")
        opener = getattr(importlib.import_module(module), function)
        return opener(self.name, data, {**self.options, **options})


def benchmarks() -> dict[str, Benchmark]:
    """All benchmarks, by name."""
    rows = json.loads(CLAIMS.read_text(encoding="utf-8"))
    return {name: Benchmark(name=name, **row) for name, row in rows.items()}


def get(name: str) -> Benchmark:
    """The benchmark of that name; raises `UsageError` that offers the nearest if there is none."""
    table, key = benchmarks(), name.replace("_", "-")
    if key not in table:
        raise UsageError(f"There is no benchmark {name!r}.{nearest(key, table)}")
    return table[key]


def reproduce(
    benchmark: Benchmark,
    protocol: Protocol,
    load: Callable[[], tuple[Task, Any, TaskConfig]],
    record: Path,
    *,
    weights: Mapping[str, str],
    options: Mapping[str, str],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measures the examples that the record lacks and returns the complete record.

    Args:
      benchmark: A row of the table.
      protocol: As `benchmark.open` returns it.
      load: Returns (task, model, configuration); called once the record has been read.
      record: The file to continue, or to create.
      weights: As `identify` returns them.
      options: Of the protocol.
      progress: Shows the measurement.

    Raises:
      UsageError: the record belongs to another measurement.
      PerceiverError: the record is damaged.
    """
    about = {
        "benchmark": benchmark.name,
        "task": benchmark.task,
        "options": {**benchmark.options, **options},
        "weights_sha256": weights["sha256"],
        "num_examples": len(protocol.keys),
        "examples_sha256": _hash("\n".join(protocol.keys).encode()),
    }
    rows = _read_rows(record, about)
    left = [key for key in protocol.keys if key not in rows]
    task, model, config = load()
    progress = progress or Progress(len(protocol.keys), quiet=True)

    def save() -> dict[str, Any]:
        whole = _whole(about, benchmark, protocol, rows, weights, task, model, config)
        write_json(record, whole)
        return whole

    record.parent.mkdir(parents=True, exist_ok=True)
    saved, shown = time.monotonic(), {}
    with progress:
        progress.start(len(rows))
        try:
            for start in range(0, len(left), protocol.at_once):
                keys = left[start : start + protocol.at_once]
                new = np.asarray(protocol.rows(model, config, keys), np.float32)
                rows |= {key: row.tolist() for key, row in zip(keys, new, strict=True)}
                if time.monotonic() - saved > SAVE_SECONDS:
                    measured = save()["measured"]
                    shown = {k: measured[k] for k in benchmark.claimed if k in measured}
                    saved = time.monotonic()
                progress.update(len(rows), **shown)
        finally:
            whole = save()
    return whole


def metrics(task: Task, config: TaskConfig, rows: Sequence[Sequence[float]]) -> dict[str, float]:
    """The task's metrics over rows of columns."""
    return results_of(task.measures.column_metrics(config), [np.asarray(rows, np.float32)])


def _whole(
    about: Mapping[str, Any],
    benchmark: Benchmark,
    protocol: Protocol,
    rows: Mapping[str, Sequence[float]],
    weights: Mapping[str, str],
    task: Task,
    model: Any,
    config: TaskConfig,
) -> dict[str, Any]:
    """The record. It contains no times, so an interrupted measurement gives the same record as an uninterrupted one."""
    ordered = {key: rows[key] for key in protocol.keys if key in rows}
    groups: dict[str, list[Sequence[float]]] = {}
    for key, row in ordered.items():
        groups.setdefault(protocol.group(key), []).append(row)
    return {
        **about,
        "weights": weights["given"],
        "source": benchmark.source,
        "data": benchmark.data,
        "note": benchmark.note,
        "claimed": dict(benchmark.claimed),
        "complete": len(ordered) == len(protocol.keys),
        "measured": metrics(task, config, list(ordered.values())) if ordered else {},
        "groups": {name: metrics(task, config, group) for name, group in groups.items()},
        "examples": ordered,
        "parameters": int(model.count_params()),
        "versions": versions(),
    }


def _read_rows(record: Path, about: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    """The rows of an existing record, by example; empty if there is no record."""
    if not record.is_file():
        return {}
    again = "name another --record, or delete it to start again"
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        rows = dict(found["examples"])
        other = [name for name, value in about.items() if found.get(name) != value]
    except (ValueError, KeyError, TypeError) as error:
        raise PerceiverError(
            f"{record} is not a record of a measurement ({error!r}); {again}."
        ) from None
    if other:
        said = ", ".join(f"{name} {found.get(name)!r}, now {about[name]!r}" for name in other)
        raise UsageError(f"{record} belongs to another measurement ({said}); {again}.")
    return rows


def identify(weights: str, preset: str) -> dict[str, str]:
    """What identifies weights: {"given", "sha256"}; "deepmind" and "huggingface" are downloaded once.

    Args:
      weights: As `--weights` takes them.
      preset: The released model whose weights "deepmind" and "huggingface" stand for.

    Raises:
      PerceiverError: there are no weights, or they cannot be read.
    """
    if weights in ("deepmind", "huggingface"):
        from perceiver_keras.convert.download import download, printed

        path = Path(download(preset, weights, progress=printed(f"{weights}/{preset}")))
    else:
        path = Path(weights)
    if path.is_dir():
        inside = [path / name for name in WEIGHTS if (path / name).is_file()]
        if not inside:
            raise PerceiverError(f"{path} holds no weights ({', '.join(WEIGHTS)}).")
        path = inside[0]
    try:
        return {"given": weights, "sha256": _hash_file(path)}
    except OSError as error:
        raise PerceiverError(f"{weights}: {error.strerror}.") from None


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a measurement depends on."""
    return {"python": platform.python_version()} | {
        name: packages.version(name) for name in PACKAGES if _is_installed(name)
    }


def _is_installed(name: str) -> bool:
    try:
        return bool(packages.version(name))
    except packages.PackageNotFoundError:
        return False


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
