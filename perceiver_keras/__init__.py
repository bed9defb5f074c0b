"""Perceiver IO for production, in TensorFlow and Keras.

    import perceiver_keras as pk

    model = pk.load("FOLDER")                                # a folder that training wrote
    model = pk.ImageClassifier.from_preset("imagenet_fourier_position_encoding")
    pk.list_presets("image_classification")

Importing the package imports nothing heavy: TensorFlow comes with the first name that needs it.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

__version__ = "0.1.0"

# Google's libraries say so at every import; TFX 1.15 has no wheels for a newer Python.
warnings.filterwarnings("ignore", ".*non-supported Python version.*", FutureWarning)

# Public name -> (module, attribute); an attribute of None is the module itself.
_LAZY = {
    "load": ("perceiver_keras.tasks.model", "load"),
    "list_presets": ("perceiver_keras.tasks.presets", "list_presets"),
    "convert": ("perceiver_keras.convert", None),
}


def __getattr__(name: str) -> Any:
    from perceiver_keras.tasks.registry import MODELS, ROWS

    table = dict(_LAZY)
    table |= {
        row.model_class: (f"perceiver_keras.tasks.{row.name}", row.model_class)
        for row in (*ROWS, *MODELS)
    }
    if name not in table:
        raise AttributeError(f"module 'perceiver_keras' has no attribute {name!r}")
    module, attribute = table[name]
    loaded = importlib.import_module(module)
    return loaded if attribute is None else getattr(loaded, attribute)


def __dir__() -> list[str]:
    from perceiver_keras.tasks.registry import MODELS, ROWS

    return sorted([*_LAZY, *(row.model_class for row in (*ROWS, *MODELS)), "__version__"])
