"""Classify and Regress: requests of tf.Examples, and answers as classes with scores, or as numbers.

TensorFlow Serving's rules for the signatures: one input, `inputs`, and as outputs `classes`, `scores` or both, or
`outputs` for Regress.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorflow.core.framework import types_pb2

from perceiver_keras.server.loaded import Signature
from perceiver_keras.server.status import invalid

INPUTS, CLASSES, SCORES, OUTPUTS = "inputs", "classes", "scores", "outputs"


def examples_of(message: Any) -> np.ndarray:
    """The serialized Examples [B] of an Input; a context they share is written before each, so that their own
    features win."""
    kind = message.WhichOneof("kind")
    examples, context = [], b""
    if kind == "example_list":
        examples = message.example_list.examples
    elif kind == "example_list_with_context":
        examples = message.example_list_with_context.examples
        context = message.example_list_with_context.context.SerializeToString()
    if not examples:
        raise invalid("Input is empty.")
    array = np.empty(len(examples), object)
    array[:] = [context + example.SerializeToString() for example in examples]
    return array


def check_classification(signature: Signature) -> None:
    """Raises `ServingError` if Classify can't use this signature."""
    _check_input(signature, "classification")
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if not signature.outputs.keys() & {CLASSES, SCORES}:
        raise invalid(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {signature.name}"
        )


def check_regression(signature: Signature) -> None:
    """Raises `ServingError` if Regress can't use this signature."""
    _check_input(signature, "regression")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if OUTPUTS not in signature.outputs:
        raise invalid(f"No regression outputs found in SignatureDef: {signature.name}")


def _check_input(signature: Signature, what: str) -> None:
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    end = signature.inputs.get(INPUTS)
    if end is None:
        raise invalid(f"No {what} inputs found in SignatureDef: {signature.name}")
    if end.dtype != types_pb2.DT_STRING:
        raise invalid(f"the input of {signature.name} takes no serialized Examples")


def classifications(
    outputs: Mapping[str, np.ndarray], rows: int
) -> list[list[tuple[bytes, float]]]:
    """(label, score) of each class of each example; b"" or 0.0 where the signature has none."""
    labels, scores = outputs.get(CLASSES), outputs.get(SCORES)
    for name, array in ((CLASSES, labels), (SCORES, scores)):
        if array is None:
            continue
        if array.ndim != 2 or array.shape[0] != rows:
            raise invalid(
                f"Expected Tensor shape: [batch_size num_classes] but got {list(array.shape)} for {name}"
            )
        if array.dtype != (np.dtype(object) if name == CLASSES else np.float32):
            raise invalid(f"Expected {name} Tensor of another type. Got: {array.dtype.name}")
    if labels is not None and scores is not None and labels.shape != scores.shape:
        raise invalid(
            "Tensors class and score should match in dim_size(1). Got "
            f"{labels.shape[1]} vs. {scores.shape[1]}"
        )
    shape = labels.shape if labels is not None else scores.shape
    label_rows = labels.tolist() if labels is not None else [[b""] * shape[1]] * rows
    score_rows = scores.tolist() if scores is not None else [[0.0] * shape[1]] * rows
    return [list(zip(*pair, strict=True)) for pair in zip(label_rows, score_rows, strict=True)]


def regressions(outputs: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    """One float32 per example."""
    array = outputs[OUTPUTS]
    if array.shape not in ((rows,), (rows, 1)):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{list(array.shape)}"
        )
    if array.dtype != np.float32:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {array.dtype.name}")
    return array.reshape(rows)
