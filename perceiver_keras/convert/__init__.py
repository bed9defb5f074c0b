"""Official weights in and out: DeepMind's pickles and Hugging Face's files, read as untrusted.

`load_deepmind`, `load_huggingface` make a model; `save_deepmind`, `save_huggingface` write one so
that the official code takes it. Names are resolved lazily, so that this package imports at once.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "load_deepmind": "deepmind",
    "save_deepmind": "deepmind",
    "load_huggingface": "huggingface",
    "save_huggingface": "huggingface",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
