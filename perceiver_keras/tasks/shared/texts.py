"""One text of any kind that Python programs have, as the bytes that models read."""

from __future__ import annotations

import os
from typing import Any

from perceiver_keras.data.text.encodings import as_utf8
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.shared import inputs

TAKES = "a text (str), its bytes, or the pathlib.Path of a text file"


def is_text(value: Any) -> bool:
    """Whether it is one text. A str is a text itself and never a path."""
    return isinstance(value, (str, bytes, os.PathLike)) or inputs.is_file(value)


def to_bytes(text: Any, name: str = "the text") -> bytes:
    """Any kind of text as UTF-8; bytes of no known encoding stay as they are (`data/text/encodings.py`).

    Raises:
      UsageError: it is not a text; the message says what it is instead.
    """
    text = inputs.plain(text)
    if not is_text(text):
        raise UsageError(f"{name}: expected {TAKES}; got {inputs.kind_of(text)}.")
    try:
        if isinstance(text, str):
            return text.encode()
        if not isinstance(text, bytes):
            name = os.fspath(text) if isinstance(text, os.PathLike) else name
            text = inputs.bytes_of(text, name)
        return as_utf8(text)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{name}: character {error.start} is half of a surrogate pair, which no encoding has."
        ) from None
    except UsageError:
        raise
    except PerceiverError as error:
        raise UsageError(f"{name}: {error}.") from None
