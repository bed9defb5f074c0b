"""Published results measured again on the user's own copy of the data: claimed values against measured ones.

`claims.py` has the table of what is claimed. Measurements are stored in a record (JSON) with the columns of every
example, so that an interrupted measurement can continue and its metrics can be recomputed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata as packages
from pathlib import Path
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

import numpy as np

from perceiver_keras import stack
from perceiver_keras.claims import Benchmark as Benchmark
from perceiver_keras.claims import benchmarks as benchmarks
from perceiver_keras.claims import get as get
from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import override, to_dict
from perceiver_keras.convert.hub import SOURCES, source_of
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import write_json
from perceiver_keras.metrics.results import results_of
from perceiver_keras.progress import Progress
from perceiver_keras.remote import local_copy

if TYPE_CHECKING:
    from perceiver_keras.tasks.task import Task

PACKAGES = ("perceiver-keras", "tensorflow", stack.keras_name(), "numpy")
SAVE_SECONDS = (
    5.0  # a kill loses at most the measurements of this time, more if saving itself takes long
)
LONG_ROW = 64  # numbers; longer rows are packed in the record
WEIGHTS = ("model.weights.h5", "model.safetensors", "pytorch_model.bin")  # of a folder


class Protocol(Interface):
    """How one benchmark is measured.

    It may also have `column_metrics(config)`, the metrics of its rows where they are not the task's,
    `parts(config, rows)`, {part: {metric: value}} of rows by key, where parts are not groups of examples, and `facts`,
    {"list", "listed"}: a file that lists examples, of which not all need be there, and how many it lists.

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
        "examples_sha256": _hash("\n".join(protocol.keys).encode("utf-8", "surrogateescape")),
    }
    rows = _read_rows(record, about)
    left = [key for key in protocol.keys if key not in rows]
    task, model, config = load()
    progress = progress or Progress(len(protocol.keys), quiet=True)

    def save(parts: bool = True) -> dict[str, Any]:
        whole = _whole(about, benchmark, protocol, rows, weights, task, model, config, parts)
        write_json(record, whole)
        return whole

    record.parent.mkdir(parents=True, exist_ok=True)
    saved, shown, pause = time.monotonic(), {}, SAVE_SECONDS
    with progress:
        progress.start(len(rows))
        try:
            for start in range(0, len(left), protocol.at_once):
                keys = left[start : start + protocol.at_once]
                new = np.asarray(protocol.rows(model, config, keys), np.float32)
                rows |= {key: row.tolist() for key, row in zip(keys, new, strict=True)}
                began = time.monotonic()
                if began - saved > pause:
                    measured = save(parts=False)["measured"]
                    shown = {k: measured[k] for k in benchmark.claimed or measured if k in measured}
                    saved = time.monotonic()
                    pause = SAVE_SECONDS * max(1.0, 4 * (saved - began))
                progress.update(len(rows), **shown)
        finally:
            whole = save()
    return whole


def metrics(
    task: Task,
    config: TaskConfig,
    rows: Sequence[Sequence[float]],
    protocol: Protocol | None = None,
) -> dict[str, float]:
    """The protocol's metrics over rows of columns, or the task's where it has none of its own."""
    made = getattr(protocol, "column_metrics", task.measures.column_metrics)
    return results_of(made(config), [np.asarray(rows, np.float32)])


def _whole(
    about: Mapping[str, Any],
    benchmark: Benchmark,
    protocol: Protocol,
    rows: Mapping[str, Sequence[float]],
    weights: Mapping[str, str],
    task: Task,
    model: Any,
    config: TaskConfig,
    parts: bool,
) -> dict[str, Any]:
    """The record. It contains no times, so an interrupted measurement gives the same record as an uninterrupted one.

    Without `parts`, which take longer than the total, they are left empty.
    """
    ordered = {key: rows[key] for key in protocol.keys if key in rows}
    return {
        **about,
        "weights": weights["given"],
        "source": benchmark.source,
        "data": benchmark.data,
        "rule": benchmark.rule,
        "facts": dict(getattr(protocol, "facts", {})),
        "note": benchmark.note,
        "claimed": dict(benchmark.claimed),
        "stated": dict(benchmark.stated),
        "complete": len(ordered) == len(protocol.keys),
        "measured": metrics(task, config, list(ordered.values()), protocol) if ordered else {},
        "groups": _parts(protocol, task, config, ordered) if parts and ordered else {},
        "examples": {key: _packed(row) for key, row in ordered.items()},
        "parameters": int(model.count_params()),
        "differs": differing(benchmark, config),
        "versions": versions(),
    }


def _parts(
    protocol: Protocol, task: Task, config: TaskConfig, rows: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, float]]:
    if own := getattr(protocol, "parts", None):
        return own(config, rows)
    groups: dict[str, list[Sequence[float]]] = {}
    for key, row in rows.items():
        groups.setdefault(protocol.group(key), []).append(row)
    return {name: metrics(task, config, group, protocol) for name, group in groups.items()}


def differing(benchmark: Benchmark, config: TaskConfig) -> list[str]:
    """The settings of the model in which it is not the row's, such as `encode.num_latents`; [] for another task."""
    from perceiver_keras.tasks import registry

    if benchmark.task not in registry.names() or not hasattr(config, "model"):
        return []
    wanted = registry.get(benchmark.task).presets[benchmark.model].config
    own = [change for change in benchmark.settings if change.startswith("model.")]
    wanted = to_dict(override(wanted, *(c for c in own if "TASK" not in c)))["model"]
    return [name for name in _differing(wanted, to_dict(config)["model"]) if name not in FREE]


# How a model computes, which task it was told about, and what no weight depends on.
FREE = {"attention_memory_mb", "tasks"}


def _differing(one: Any, other: Any, name: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = dict.fromkeys([*one, *other])
        below = [_differing(one.get(k), other.get(k), f"{name}.{k}" if name else k) for k in keys]
        return [found for part in below for found in part]
    return [] if one == other else [name]


def _packed(row: Sequence[float]) -> Sequence[float] | str:
    """A long row, such as the scores of all classes, as text: compressed float32."""
    if len(row) <= LONG_ROW:
        return row
    return base64.b64encode(zlib.compress(np.asarray(row, "<f4").tobytes(), 6)).decode()


def _unpacked(row: Sequence[float] | str) -> Sequence[float]:
    if not isinstance(row, str):
        return row
    return np.frombuffer(zlib.decompress(base64.b64decode(row)), "<f4").tolist()


def _read_rows(record: Path, about: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    """The rows of an existing record, by example; empty if there is no record."""
    if not record.is_file():
        return {}
    again = "name another --record, or delete it to start again"
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        rows = {key: _unpacked(row) for key, row in found["examples"].items()}
        other = [name for name, value in about.items() if found.get(name) != value]
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise PerceiverError(
            f"{record} is not a record of a measurement ({error!r}); {again}."
        ) from None
    if other:
        said = ", ".join(f"{name} {found.get(name)!r}, now {about[name]!r}" for name in other)
        raise UsageError(f"{record} belongs to another measurement ({said}); {again}.")
    return rows


def identify(weights: str, preset: str) -> dict[str, str]:
    """What identifies weights: {"given", "sha256"}; "deepmind", "huggingface" and the hub's are downloaded once.

    Args:
      weights: As `--weights` takes them.
      preset: The released model whose weights "deepmind" and "huggingface" stand for.

    Raises:
      UsageError: they are those of another repository of the hub.
      PerceiverError: there are no weights, or they cannot be read.
    """
    source = source_of(weights, preset)
    if source in SOURCES:
        from perceiver_keras.convert.download import download, printed

        path = Path(download(preset, source, progress=printed(f"{source}/{preset}")))
    else:
        path = local_copy(weights)
    if path.is_dir():
        inside = [path / name for name in WEIGHTS if (path / name).is_file()]
        # One model per task lies in folders of its own.
        below = sorted(file for name in WEIGHTS for file in path.glob(f"*/{name}"))
        if not inside and below:
            hashes = [f"{file.parent.name} {_hash_file(file)}" for file in below]
            return {"given": weights, "sha256": _hash("\n".join(hashes).encode())}
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
