"""What Python callers pass to a model: one input or several, each of the kinds that people have."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_keras.errors import UsageError


def answer_each(
    given: Any,
    is_one: Callable[[Any], bool],
    takes: str,
    ask: Callable[[list[Any]], list[Any]],
) -> Any:
    """The answers to several inputs as a list; for a single one its answer.

    Args:
      given: One input; or a list, an array, a generator or another iterable of them. Nothing is asked of an empty one.
      is_one: Whether a value is one input.
      takes: What one input may be, for errors.
      ask: Inputs -> one answer per input.

    Raises:
      UsageError: `given` is neither.
    """
    given = plain(given)
    if is_one(given):
        return ask([given])[0]
    several = not isinstance(given, (Mapping, np.generic)) and hasattr(given, "__iter__")
    if not several or (isinstance(given, np.ndarray) and not given.ndim):
        raise UsageError(f"Expected {takes}, or a list of these; got {kind_of(given)}.")
    items = [plain(one) for one in given]
    return ask(items) if items else []


def plain(value: Any) -> Any:
    """Tensors and the like as arrays, arrays of one text or of one object as what they hold, other bytes as bytes."""
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, np.ndarray):
        return value.item() if value.ndim == 0 and value.dtype.kind in "OSU" else value
    if not isinstance(value, np.generic) and hasattr(value, "__array__") and not is_pil(value):
        return plain(np.asarray(value))
    return value


def is_pil(value: Any) -> bool:
    """Whether it is a PIL image."""
    from PIL import Image

    return isinstance(value, Image.Image)


def is_file(value: Any) -> bool:
    """Whether it is an open file, or something else to read bytes from."""
    return callable(getattr(value, "read", None))


def is_numbers(value: Any) -> bool:
    """Whether it is an array of numbers (or of truth values)."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufc"


def bytes_of(source: Any, name: str) -> bytes:
    """The content of a path, of an open file, or bytes as they are.

    Raises:
      UsageError: it can't be read, or is empty.
    """
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        try:
            source = Path(source).read_bytes()
        except (OSError, ValueError) as error:
            raise UsageError(f"{name}: {getattr(error, 'strerror', None) or error}.") from None
    elif is_file(source):
        source = source.read()
        if not isinstance(source, bytes):
            raise UsageError(f"{name}: the file is open as text; open it with mode 'rb'.")
    if not source:
        raise UsageError(f"{name} is empty.")
    return source


def kind_of(value: Any) -> str:
    """What a value is, for errors."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {list(value.shape)} and type {value.dtype}"
    if value is None:
        return "None"
    if isinstance(value, (bool, int, float, complex, np.generic)):
        number = value.item() if isinstance(value, np.generic) else value  # NumPy 2 shows its type
        return f"{number!r} ({type(value).__name__})"
    if isinstance(value, (list, tuple)):
        inner = f" of {len(value)}, the first {kind_of(value[0])}" if value else " of nothing"
        return f"a {type(value).__name__}{inner}"
    return f"a value of type {type(value).__name__}"


def numbered(what: str, count: int) -> list[str]:
    """What errors call each of several inputs: "picture 1", …; "the picture" if there is only one."""
    return (
        [f"{what} {number}" for number in range(1, count + 1)]
        if count > 1
        else [f"the {what}"] * count
    )
