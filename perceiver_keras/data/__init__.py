"""The host's half of the data's way: TFDS builders and tf.data. No weights, no model code.

`perceiver_keras.data.open(PATH, task=NAME)` makes a data set of the user's own files.
"""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "open":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # By its name, since tasks stand above data: only they know what their examples look like.
    return importlib.import_module("perceiver_keras.tasks.own_data").open
