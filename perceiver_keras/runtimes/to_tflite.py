"""TensorFlow Lite: conversion by TensorFlow's own converter, and answers of its interpreter."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.runtimes.graph import Signature
from perceiver_keras.runtimes.saved import NAME, save

_UNSUPPORTED = re.compile(
    r"'?tf\.(\w+)'? op is neither a custom op nor a flex op|^\s*(?:Flex|Custom) ops: (.*)$", re.M
)


def versions() -> dict[str, str]:
    """Of what converts and what checks."""
    return {"tensorflow": tf.__version__}


def converted(signature: Signature, quantize: str | None = None) -> bytes:
    """The content of the .tflite file, of TensorFlow Lite's built-in operations alone.

    Args:
      signature: Traced for converters.
      quantize: "dynamic": weights of eight bits, activations in floating point between the products of matrices.

    Raises:
      PerceiverError: an operation has no counterpart; it is named.
    """
    with tempfile.TemporaryDirectory(prefix="perceiver-tflite-") as folder:
        save(signature, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[NAME])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        try:
            with _quiet():
                return converter.convert()
        except Exception as error:  # the converter's own kind, or what its parts raise
            pairs = _UNSUPPORTED.findall(str(error))
            found = sorted({one for pair in pairs for one in pair if one})
            what = f"no counterpart of {', '.join(found)}" if found else first_line(error)
            raise PerceiverError(f"TensorFlow Lite: {what}.") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The converter prints its plans from C++, whatever the level of the log."""
    with open(os.devnull, "w") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class Runtime:
    """TensorFlow Lite's interpreter on the CPU, with the content of a file."""

    name = "TensorFlow Lite"

    def __init__(self, content: bytes) -> None:
        self._content = content  # the interpreter reads it, and keeps no copy
        self._interpreter = tf.lite.Interpreter(model_content=content)
        self._runner = self._interpreter.get_signature_runner(NAME)

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Arrays [B, ...] by name to arrays [B, ...] by name."""
        taken = self._runner.get_input_details()
        return self._runner(**{name: value for name, value in inputs.items() if name in taken})
