"""The signature as a SavedModel, against which files are held, and from which TensorFlow Lite's converter reads."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.runtimes.graph import Signature

NAME = "serving_tensors"


def save(signature: Signature, folder: str) -> None:
    """Writes a SavedModel with this signature alone."""
    module = tf.Module()
    module.weights = list(signature.function.graph.variables)
    tf.saved_model.save(module, folder, signatures={NAME: signature.function})


class Runtime:
    """TensorFlow, with a SavedModel that was written and read again."""

    name = "TensorFlow"

    def __init__(self, signature: Signature) -> None:
        with tempfile.TemporaryDirectory(prefix="perceiver-saved-") as folder:
            save(signature, folder)
            self._model = tf.saved_model.load(folder)
        self._call = self._model.signatures[NAME]

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Arrays [B, ...] by name to arrays [B, ...] by name."""
        answers = self._call(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in answers.items()}
