"""`history.json`: what a run has logged so far, next to TensorBoard's files."""

from __future__ import annotations

import json
import os
from typing import Any

import tensorflow as tf

from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.files import aside_of


def write_history(folder: str | os.PathLike[str], values: dict[str, Any]) -> None:
    """Writes all of it or nothing, on this machine or in a store.

    Raises:
      PerceiverError: the folder can't be written.
    """
    path = os.path.join(os.fspath(folder), "history.json")
    try:
        tf.io.gfile.makedirs(os.fspath(folder))
        aside = str(aside_of(path))
        with tf.io.gfile.GFile(aside, "w") as file:
            file.write(json.dumps(values, indent=1))
        tf.io.gfile.rename(aside, path, overwrite=True)
    except (OSError, tf.errors.OpError) as error:
        raise PerceiverError(
            f"{path}: can't be written ({first_line(error)}). Check the folder and the disk."
        ) from error
