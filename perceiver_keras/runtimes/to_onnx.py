"""ONNX: conversion by tf2onnx, and answers of ONNX Runtime."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.runtimes.graph import Signature, frozen

OPSET = 17  # the newest that tf2onnx knows well; ONNX Runtime has it since 1.12
_UNSUPPORTED = re.compile(
    r"Tensorflow op \[[^:\]]*: (\w+)\] is not supported|Unsupported ops: .*?'(\w+)'"
)


def needed() -> None:
    """Raises `PerceiverError` if the extra is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise PerceiverError(
            f"--to onnx needs {error.name}; pip install 'perceiver-keras[onnx]'."
        ) from error


def versions() -> dict[str, str]:
    """Of what converts and what checks."""
    import onnx
    import onnxruntime
    import tf2onnx

    return {
        "tf2onnx": tf2onnx.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "opset": str(OPSET),
    }


def converted(signature: Signature, name: str) -> bytes:
    """The content of the .onnx file.

    Raises:
      PerceiverError: an operation has no counterpart; it is named.
    """
    from tf2onnx import convert

    graph = frozen(signature)
    renamed = {tensor: name for name, tensor in (*graph.inputs.items(), *graph.outputs.items())}
    said: list[str] = []
    try:
        with _listening(said):
            proto, _ = convert.from_graph_def(
                graph.graph,
                name=name,
                input_names=list(graph.inputs.values()),
                output_names=list(graph.outputs.values()),
                opset=OPSET,
                tensors_to_rename=renamed,
            )
    except Exception as error:  # of many kinds, one per operation
        raise _refused(said, error) from error
    if _UNSUPPORTED.search(
        "\n".join(said)
    ):  # such an operation stays in the file, which nothing can then load
        raise _refused(said)
    proto.producer_name, proto.doc_string = "perceiver_keras", ""
    return proto.SerializeToString()


def _refused(said: list[str], error: Exception | None = None) -> PerceiverError:
    found = {a or b for line in (*said, str(error)) for a, b in _UNSUPPORTED.findall(line)}
    what = f"no counterpart of {', '.join(sorted(found))}" if found else first_line(error)
    return PerceiverError(f"ONNX: {what} (opset {OPSET}).")


@contextlib.contextmanager
def _listening(said: list[str]) -> Iterator[None]:
    """tf2onnx names unsupported operations in its log alone; what else it logs is about optimizers."""
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("tf2onnx")
    before = logger.level, logger.propagate, list(logger.handlers)
    logger.setLevel(logging.ERROR)
    logger.propagate, logger.handlers = False, [handler]
    try:
        yield
    finally:
        logger.setLevel(before[0])
        logger.propagate, logger.handlers = before[1:]


class Runtime:
    """ONNX Runtime on the CPU, with the content of a file."""

    name = "ONNX Runtime"

    def __init__(self, content: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Arrays [B, ...] by name to arrays [B, ...] by name."""
        taken = {one.name for one in self._session.get_inputs()}
        feeds = {name: value for name, value in inputs.items() if name in taken}
        return dict(zip(self._outputs, self._session.run(self._outputs, feeds), strict=True))
