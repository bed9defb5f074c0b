"""An exported model as a Python object: its signatures by name, with answers as arrays and readable errors.

`Servable` needs the folder and TensorFlow, but not the code that made the model; `Client` asks a server instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.client.client import Client
from perceiver_keras.client.ends import End, arrays_of, named
from perceiver_keras.client.failures import Unreachable
from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.places import literal
from perceiver_keras.saved_model import (
    SENTENCEPIECE_OPS,
    graph_ops,
    latest_version,
    read_task,
)

__all__ = ["Client", "Servable", "Signature", "Unreachable"]


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
            self._model = tf.saved_model.load(literal(self.folder))
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
        return named(name, self.signatures, f"The model in {self.folder}")

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
        ends = {name: _end(spec) for name, spec in specs.items()}
        arrays = arrays_of(signature, ends, inputs)
        tensors = {name: _tensor(array) for name, array in arrays.items()}
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


def _end(spec: tf.TensorSpec) -> End:
    dtype = np.dtype(object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype)
    return End(dtype, None if spec.shape.rank is None else tuple(spec.shape.as_list()))


def _tensor(array: np.ndarray) -> tf.Tensor:
    if array.dtype.hasobject:
        return tf.reshape(tf.constant(array.ravel().tolist(), tf.string), array.shape)
    return tf.constant(array)
