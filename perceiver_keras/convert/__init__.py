"""Reads and writes official weights: DeepMind's pickles and Hugging Face's files, treated as untrusted.

`load_deepmind` and `load_huggingface` return a model; `save_deepmind` and `save_huggingface` write one
that the official code can load. Names are resolved lazily, so importing this package is instant.
"""

from __future__ import annotations

import importlib
from typing import Any

# Only a task can build its model, and tasks import this package: so these are imported when they are used.
_HOMES = {
    "load_deepmind": "perceiver_keras.tasks.official",
    "load_huggingface": "perceiver_keras.tasks.official",
    "save_deepmind": "perceiver_keras.tasks.official",
    "save_huggingface": "perceiver_keras.tasks.official",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
