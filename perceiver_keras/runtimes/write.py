"""From a model to a file for another runtime, with what is known of it in `FILE.json`; both there, or neither."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import has_room, write_json, write_whole
from perceiver_keras.runtimes import agreement, graph, quantized, saved, to_onnx, to_tflite
from perceiver_keras.runtimes.requests import requests
from perceiver_keras.tasks.task import Task

FORMATS = {"onnx": to_onnx, "tflite": to_tflite}
WORDS = {"onnx": "an ONNX file", "tflite": "a TensorFlow Lite file"}
# Of the largest number of an output. Two libraries add the same products in other orders.
LIMIT = 1e-4
QUANTIZED_LIMIT = 0.25
MOST_BYTES = 2**31 - 1  # of a protocol buffer, which an ONNX file is, and of a TensorFlow Lite file


def check(out: Path, to: str) -> None:
    """What can be refused before a model is loaded.

    Raises:
      UsageError: OUT's name is not one of such a file.
      PerceiverError: OUT exists, or the extra is missing.
    """
    if out.suffix != f".{to}":
        better = out.with_name(f"{out.name}.{to}") if out.name else out / f"model.{to}"
        raise UsageError(f"OUT is {out}; {WORDS[to]} ends in .{to}: write {better}.")
    for place in (out, sidecar(out)):
        if place.exists():
            raise PerceiverError(f"{place} exists; remove it, or choose another OUT.")
    if to == "onnx":
        to_onnx.needed()


def sidecar(out: Path) -> Path:
    """Where what is known of a file stands."""
    return out.with_name(f"{out.name}.json")


def write(
    task: Task,
    config: TaskConfig,
    model: keras.Model,
    out: Path,
    to: str,
    *,
    labels: Sequence[str] | None = None,
    preset: str | None = None,
    quantize: str | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Converts, compares, and writes.

    Args:
      task, config, model, labels, preset: As `export_saved_model` takes them.
      out: The file.
      to: A key of `FORMATS`.
      quantize: "dynamic", of TensorFlow Lite.
      say: Told what takes long.

    Returns:
      What stands in `FILE.json`.

    Raises:
      PerceiverError: the weights are too large for such a file, an operation has no counterpart, or the file's answers
        are too far from the SavedModel's. Nothing is left then.
    """
    weights = sum(weight.shape.num_elements() * weight.dtype.size for weight in model.weights)
    if weights > MOST_BYTES:
        raise PerceiverError(
            f"{out} is not written: {WORDS[to]} holds {MOST_BYTES / 1e9:.2g} GB at most, and the model's weights take "
            f"{weights / 1e9:.2g} GB. --to savedmodel has no such limit."
        )
    plain = graph.trace(task, config, model, labels, plain=True)
    content = (
        to_tflite.converted(plain, quantize)
        if to == "tflite"
        else to_onnx.converted(plain, task.name)
    )
    runtime = FORMATS[to].Runtime(content)
    reference = saved.Runtime(graph.trace(task, config, model, labels, plain=False))
    asked, source = requests(task, config, plain.inputs)
    found = agreement.differences(reference, runtime, asked)
    name, largest = agreement.worst(found)
    limit = QUANTIZED_LIMIT if quantize else LIMIT
    if not largest.relative <= limit:
        raise PerceiverError(
            f"{out} is not written: {runtime.name} is {largest.relative:.2g} of the largest number away from the "
            f"SavedModel in {name}; the limit is {limit:g}."
        )
    known = {
        "file": out.name,
        "format": to,
        "quantized": quantize,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "task": task.name,
        "preset": preset,
        "labels": None if labels is None else list(labels),
        "inputs": {name: _spelled(spec) for name, spec in plain.inputs.items()},
        "outputs": {n: _spelled(plain.function.structured_outputs[n]) for n in plain.outputs},
        "left_out": dict(plain.left_out),
        "versions": FORMATS[to].versions(),
        "compared": {
            "with": f"the SavedModel under TensorFlow {tf.__version__}",
            "examples": source,
            "batch_sizes": [len(next(iter(request.values()))) for request in asked],
            "limit": limit,
            "largest": {"output": name, **agreement.as_json(found)[name]},
            "outputs": agreement.as_json(found),
        },
    }
    if quantize:
        known["metrics"] = quantized.losses(task, config, model, runtime, plain, say)
    known = json.loads(json.dumps(known, default=float))
    with has_room(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_json(sidecar(out), known)  # first: where the file is, so is what is known of it
            write_whole(out, content)
        except BaseException:
            sidecar(out).unlink(missing_ok=True)
            raise
    return known


def _spelled(spec: tf.TensorSpec) -> str:
    sizes = ["B" if not i else "?" if n is None else str(n) for i, n in enumerate(spec.shape)]
    return f"{spec.dtype.name} [{', '.join(sizes)}]"
