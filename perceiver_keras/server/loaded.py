"""One version of a model in memory: its signatures, and answers in arrays."""

from __future__ import annotations

import contextlib
import gc
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from perceiver_keras.server.aside import give_back_memory
from perceiver_keras.server.status import invalid, telling

DEFAULT_SIGNATURE = "serving_default"
INIT = "__saved_model_init_op"
TASK_FILE = "assets.extra/task.json"
ABOUT = {"task": str, "preset": str, "labels": list}  # what it says of the model


@dataclass(frozen=True)
class End:
    """An input or output: its DataType, and its shape with None for any size; None if even the rank is open."""

    dtype: int
    shape: tuple[int | None, ...] | None

    def spelled(self) -> str:
        """Its shape, for messages."""
        if self.shape is None:
            return "any shape"
        return "[" + ",".join("?" if side is None else str(side) for side in self.shape) + "]"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of `shape` may be fed."""
        if self.shape is None:
            return True
        pairs = zip(self.shape, shape, strict=False)
        return len(self.shape) == len(shape) and all(w in (None, s) for w, s in pairs)


@dataclass(frozen=True, eq=False)
class Signature:
    """What a signature takes and returns, by name, in alphabetical order."""

    name: str
    inputs: Mapping[str, End]
    outputs: Mapping[str, End]
    call: Any

    @property
    def batches(self) -> bool:
        """Whether the first axis of all that goes in and out is the batch, as far as the shapes tell."""
        ends = (*self.inputs.values(), *self.outputs.values())
        return bool(self.inputs) and all(e.shape is None or e.shape[:1] == (None,) for e in ends)

    @property
    def sized_by_content(self) -> bool:
        """Whether an output's size may depend on what the inputs hold; then one for a batch is that of its largest."""
        return any(e.shape is None or None in e.shape[1:] for e in self.outputs.values())

    def check(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Raises `ServingError` if names or shapes are not those of the inputs. Types were checked before."""
        if arrays.keys() != self.inputs.keys():
            extra, missing = arrays.keys() - self.inputs.keys(), self.inputs.keys() - arrays.keys()
            raise invalid(
                f"input size does not match signature: {len(arrays)}!={len(self.inputs)} "
                f"len({_set(arrays)}) != len({_set(self.inputs)}). Sent extra: {_set(extra)}. "
                f"Missing but required: {_set(missing)}."
            )
        for name, end in self.inputs.items():
            if not end.fits(arrays[name].shape):
                got = ",".join(map(str, arrays[name].shape))
                raise invalid(f"input {name}: expected the shape {end.spelled()}, got [{got}]")


class LoadedModel:
    """A SavedModel in a session of its own, as TensorFlow Serving runs it; closing it gives its memory back.

    Attributes:
      signatures: {name: Signature}.
      signature_defs: {name: SignatureDef}, as the file has them.
      about: {"task", "preset", "labels"} of one of our exports; {} for other models.
      settings: The model's own, as a tree, of one of our exports; {} for other models.
      folder: Where it was loaded from.
    """

    def __init__(self, folder: str, timeout_seconds: float) -> None:
        """Loads the graph tagged "serve" in `folder`; raises what TensorFlow raises.

        A call is cancelled after `timeout_seconds`.
        """
        self._one = threading.Lock()
        self.folder = folder
        self.about, self.settings = _about(folder)
        try:
            self._load(folder)
        except tf.errors.NotFoundError as error:
            if "not registered" not in str(error):
                raise
            import tensorflow_text  # noqa: F401 - registers SentencePiece's ops

            self._load(folder)
        self._options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(timeout_seconds * 1000)))
        self.signatures = {
            name: self._signature(name, definition)
            for name, definition in self.signature_defs.items()
            if name != INIT and all(i.name for i in definition.inputs.values())
        }

    def _load(self, folder: str) -> None:
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        try:
            with graph.as_default(), _quiet():
                meta = tf.compat.v1.saved_model.load(self._session, ["serve"], folder)
        except BaseException:
            self._session.close()
            raise
        self.signature_defs = dict(meta.signature_def)

    def _signature(self, name: str, definition: Any) -> Signature:
        feeds, fetches = sorted(definition.inputs), sorted(definition.outputs)
        call = self._session.make_callable(
            [definition.outputs[fetch].name for fetch in fetches],
            [definition.inputs[feed].name for feed in feeds],
            accept_options=True,
        )
        inputs = {feed: _end(definition.inputs[feed]) for feed in feeds}
        outputs = {fetch: _end(definition.outputs[fetch]) for fetch in fetches}
        return Signature(name, inputs, outputs, call)

    def run(self, signature: Signature, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Calls one signature with checked arrays [B, ...]; strings of the answer are bytes in object arrays."""
        # A read-only array is only read; a scalar array would be taken for its number, in another type.
        feeds = [np.asarray(arrays[name]) for name in signature.inputs]
        # One at a time: oneDNN's batch norm in training, which older exports run for layer norms, corrupts the memory
        # of the process when two calls have other batch sizes (TensorFlow 2.15). Closing waits here, too.
        try:
            with self._one:
                values = signature.call(*feeds, options=self._options, run_metadata=None)
        except UnicodeDecodeError as error:
            # Of TensorFlow's message, which quotes the client's bytes.
            raise invalid(telling(error.object.decode("utf-8", "replace"))) from None
        return {
            name: value if isinstance(value, np.ndarray) else _scalar(value, end)
            for (name, end), value in zip(signature.outputs.items(), values, strict=True)
        }

    def close(self) -> None:
        """Gives the memory back, once nothing is computed any more; the model can't be asked after it."""
        with self._one:
            self.signatures = {}
            self._session.close()
            del self._session
        free_memory()


def free_memory() -> None:
    """Frees graphs, which are circles that Python's collector knows too small to hurry, and gives the pages back."""
    gc.collect()
    give_back_memory()


def _about(folder: str) -> tuple[dict[str, Any], dict[str, Any]]:
    path = f"{folder}/{TASK_FILE}"
    if not tf.io.gfile.exists(path):
        return {}, {}
    try:
        with tf.io.gfile.GFile(path) as file:
            found = json.load(file)
        settings = (found.get("config") or {}).get("model") or {}
        about = {key: found.get(key) for key in ABOUT}
        orjson.dumps((about, settings))  # as clients are told: not too deep, and texts are UTF-8
    except (ValueError, TypeError, AttributeError, RecursionError, tf.errors.OpError):
        return {}, {}  # it is a note for clients; the model answers without it
    fits = all(about[key] is None or isinstance(about[key], kind) for key, kind in ABOUT.items())
    return (about, settings) if fits and isinstance(settings, dict) else ({}, {})


def _end(info: Any) -> End:
    shape = info.tensor_shape
    if shape.unknown_rank:
        return End(info.dtype, None)
    return End(info.dtype, tuple(None if d.size < 0 else d.size for d in shape.dim))


def _scalar(value: Any, end: End) -> np.ndarray:
    if end.dtype == types_pb2.DT_STRING:
        array = np.empty((), object)
        array[()] = value
        return array
    return np.asarray(value)


def _set(names: Any) -> str:
    return "{" + ",".join(sorted(names)) + "}"


@contextlib.contextmanager
def _quiet() -> Any:
    """The loader of version 1 is what TensorFlow Serving's is, but its Python wrapper says it is deprecated."""
    import logging

    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
