"""Perceiver IO for production, in TensorFlow and Keras.

    import perceiver_keras as pk

    model = pk.PerceiverIO(num_latents=64, latent_dim=128, depth=4, output_dim=10)   # for your own arrays
    flow = pk.pipeline("optical-flow")                       # a released model, asked with files, pictures or arrays
    model = pk.load("FOLDER")                                # written by training
    model = pk.ImageClassifier.from_preset("imagenet_fourier_position_encoding")
    pk.list_presets("image_classification")
    mine = pk.data.open("my_pictures", task="image_classification")

Importing the package is fast: TensorFlow is imported by the first name that needs it.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from perceiver_keras import checkout, moved, stack

__version__ = "0.1.0"

# Google's libraries repeat this warning at every import; TFX 1.15 has no wheels for a newer Python.
warnings.filterwarnings("ignore", ".*non-supported Python version.*", FutureWarning)

stack.use_keras_2()
checkout.install()
moved.install()

# Public name -> (module, attribute); if the attribute is None, the module itself.
_LAZY = {
    "PerceiverIO": ("perceiver_keras.perceiver_io", "PerceiverIO"),
    # The package, which can be called, for `from perceiver_keras import pipeline` is it too.
    "pipeline": ("perceiver_keras.pipeline", None),
    "load": ("perceiver_keras.tasks.model", "load"),
    "list_presets": ("perceiver_keras.tasks.presets", "list_presets"),
    "for_converters": ("perceiver_keras.layers.xla", "for_converters"),
    "precision": ("perceiver_keras.policy", "precision"),
    "convert": ("perceiver_keras.convert", None),
    "data": ("perceiver_keras.data", None),
}


def __getattr__(name: str) -> Any:
    module, attribute = _public().get(name, (None, None))
    if module is None:
        raise AttributeError(f"module 'perceiver_keras' has no attribute {name!r}")
    loaded = importlib.import_module(module)
    return loaded if attribute is None else getattr(loaded, attribute)


def __dir__() -> list[str]:
    return sorted([*_public(), "__version__"])


def _public() -> dict[str, tuple[str, str | None]]:
    from perceiver_keras.tasks.registry import ROWS

    models = {
        row.model_class: (f"perceiver_keras.tasks.{row.name}", row.model_class) for row in ROWS
    }
    return _LAZY | models
