"""An exported model as a Python object: its signatures by name, with answers as arrays and readable errors.

It needs the folder and TensorFlow, but not the code that made the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError, first_line, nearest
from perceiver_keras.saved_model import (
    SENTENCEPIECE_OPS,
    graph_ops,
    latest_version,
    read_task,
)


@dataclass(frozen=True)
class Signature:
    """What a signature takes and returns: `tf.TensorSpec`s by name; the first axis is B, the batch."""

    inputs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, tf.TensorSpec]


class Servable:
    """A loaded SavedModel.

    Attributes:
      folder: The version folder that was loaded.
      version: Its number; None if the folder's name is not a number.
      signatures: {name: Signature}.
      task: The export's own description, {"task", "preset", "config", "labels"}; {} for models of other origin.
    """

    def __init__(self, folder: str) -> None:
        """Loads `folder`: a SavedModel, or a folder of version folders, of which the newest is loaded.

        Raises:
          PerceiverError: there is no SavedModel, it is incomplete, or TensorFlow cannot load it.
        """
        self.folder = latest_version(str(folder))
        name = self.folder.rsplit("/", 1)[-1]
        self.version = int(name) if name.isascii() and name.isdigit() else None
        if graph_ops(self.folder) & SENTENCEPIECE_OPS:
            _register_sentencepiece(self.folder)
        try:
            self._model = tf.saved_model.load(self.folder)
            self.task: dict[str, Any] = read_task(self.folder)
        except Exception as error:  # TensorFlow raises many kinds for damaged files
            raise PerceiverError(
                f"{self.folder} can't be loaded: {first_line(error)} Export or push the model again."
            ) from error
        self._functions = dict(self._model.signatures)
        self.signatures = {
            name: Signature(dict(f.structured_input_signature[1]), dict(f.structured_outputs))
            for name, f in self._functions.items()
        }

    def signature(self, name: str) -> Signature:
        """The signature of that name; raises `UsageError` that offers the nearest if there is none."""
        if name not in self.signatures:
            raise UsageError(
                f"The model in {self.folder} has no signature {name!r}.{nearest(name, self.signatures)}"
            )
        return self.signatures[name]

    def predict(
        self, signature: str = "serving_default", /, **inputs: Any
    ) -> dict[str, np.ndarray]:
        """Runs one signature.

        Args:
          signature: Its name.
          **inputs: Its inputs by name, as arrays, nested lists, or tensors [B, ...].

        Returns:
          Its outputs by name, as NumPy arrays [B, ...]; strings are object arrays of bytes.

        Raises:
          UsageError: an unknown signature or input, a missing input, or a wrong dtype or shape.
          PerceiverError: the graph rejected the values, such as bytes that are not an image.
        """
        specs = self.signature(signature).inputs
        for name in inputs:
            if name not in specs:
                raise UsageError(f"{signature} has no input {name!r}.{nearest(name, specs)}")
        if missing := sorted(specs.keys() - inputs.keys()):
            raise UsageError(f"{signature} needs {', '.join(missing)} too.")
        tensors = {
            name: _tensor(f"{signature}'s input {name!r}", inputs[name], spec)
            for name, spec in specs.items()
        }
        try:
            outputs = self._functions[signature](**tensors)
        except (tf.errors.OpError, UnicodeDecodeError) as error:  # the message may quote the bytes
            raise PerceiverError(
                f"{signature} can't answer this input: {first_line(error)}"
            ) from error
        return {name: value.numpy() for name, value in outputs.items()}


def _register_sentencepiece(folder: str) -> None:
    try:
        import tensorflow_text  # noqa: F401 - registers the ops
    except ImportError as error:
        raise PerceiverError(
            f"{folder} tokenizes with SentencePiece; install tensorflow-text to load it here."
        ) from error


def _tensor(what: str, value: Any, spec: tf.TensorSpec) -> tf.Tensor:
    """`value` as a tensor that matches `spec`; numbers may change their precision, but not their kind."""
    if isinstance(value, tf.Tensor):
        value = value.numpy()
    strings = spec.dtype == tf.string
    try:
        # Bytes as objects: NumPy's own bytes type drops trailing NULs.
        as_objects = strings and not isinstance(value, np.ndarray)
        array = np.array(value, dtype=object) if as_objects else np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise UsageError(f"{what}: expected {_spell(spec)}, got a ragged list.") from error
    if strings and all(isinstance(item, (bytes, str)) for item in array.ravel()):
        tensor = tf.reshape(tf.constant(array.ravel().tolist(), tf.string), array.shape)
    elif not strings and _fits(array.dtype, spec.dtype.as_numpy_dtype):
        tensor = tf.constant(array.astype(spec.dtype.as_numpy_dtype))
    else:
        numeric = array.dtype.kind in "biufc"
        kinds = (
            {array.dtype.name} if numeric else {type(v).__name__ for v in array.ravel().tolist()}
        )
        raise UsageError(f"{what}: expected {_spell(spec)}, got {', '.join(sorted(kinds))}.")
    if not spec.shape.is_compatible_with(tensor.shape):
        raise UsageError(f"{what}: expected {_spell(spec)}, got the shape {list(tensor.shape)}.")
    return tensor


def _fits(given: np.dtype, wanted: Any) -> bool:
    return given.kind in "biuf" and np.can_cast(given, wanted, "same_kind")


def _spell(spec: tf.TensorSpec) -> str:
    if spec.shape.rank is None:
        return spec.dtype.name
    sides = ", ".join("any" if side is None else str(side) for side in spec.shape)
    return f"{spec.dtype.name} [{sides}]"
