"""Official weights in and out: DeepMind's pickles and Hugging Face's files, read as untrusted.

`load_deepmind`, `load_huggingface` make a model; `save_deepmind`, `save_huggingface` write one so
that the official code takes it. Names are resolved lazily, so that this package imports at once.
"""

from __future__ import annotations

import importlib
from typing import Any

# Models are built by their task, which stands above this package: hence by name only.
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
