"""What a task's model is called with, compared to what it takes, before its layers fail on it in words of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.errors import UsageError


def check(model: str, given: Any, takes: Any, free_axes: slice) -> None:
    """Looks at names, types and shapes; what has no shape yet, such as a list, is left to Keras.

    Args:
      model: The name of the model's class, for errors.
      given: What it is called with: arrays or tensors, by name if it takes several.
      takes: Tensors or their specs in the same structure, with the batch as first axis.
      free_axes: Those that may have other sizes, besides the batch.

    Raises:
      UsageError: an input is missing, holds text where numbers belong, or has a shape that the model can't take.
    """
    if not isinstance(takes, Mapping):
        _check_one(model, "", given, takes, free_axes)
        return
    if not isinstance(given, Mapping):
        raise UsageError(
            f"{model} takes a dictionary of {_listed(takes)}; got {type(given).__name__}."
        )
    if missing := [name for name in takes if name not in given]:
        raise UsageError(f"{model} takes {_listed(takes)}; got no {missing[0]!r}.")
    for name, spec in takes.items():
        _check_one(model, f"{name!r} ", given[name], spec, free_axes)


def _check_one(model: str, name: str, given: Any, spec: Any, free_axes: slice) -> None:
    if not (hasattr(given, "shape") and hasattr(given, "dtype")):
        return
    if not _is_number(given.dtype):
        raise UsageError(f"{model} takes numbers{name and f' as {name.strip()}'}; got text.")
    shape, wanted = tf.TensorShape(given.shape), tf.TensorShape([None, *spec.shape[1:]])
    free = range(wanted.rank)[free_axes]
    fits = [None if axis in free else size for axis, size in enumerate(wanted)]
    if not shape.is_compatible_with(fits):
        raise UsageError(f"{model} takes {name}{_sizes(wanted)}; got the shape {tuple(shape)}.")


def _is_number(dtype: Any) -> bool:
    kind = tf.as_dtype(dtype)
    return kind.is_floating or kind.is_integer or kind.is_bool


def _listed(takes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name!r} {_sizes(spec.shape)}" for name, spec in takes.items())


def _sizes(shape: Any) -> str:
    return "[" + ", ".join(["B", *("?" if n is None else str(n) for n in tuple(shape)[1:])]) + "]"
