"""What is known of the evaluation of a checkpoint: begun, or done with its result, in a file next to the checkpoints.

The checkpoint is written before its evaluation, so no step is lost if that fails or the process dies in it. A run that
continues looks here: a finished evaluation is not repeated, an unfinished one is the first thing it does.
"""

from __future__ import annotations

import json
import os
from typing import Any

import tensorflow as tf

from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.files import aside_of

FILE = "evaluation.json"
# One death may have any cause; after the second, memory is the likely one.
DEATHS = 2


class EvaluationState:
    """The file of one run.

    Args:
      folder: Of the checkpoints.
      writes: False in workers other than the chief.
    """

    def __init__(self, folder: str | os.PathLike[str], writes: bool = True):
        self._path, self._writes = os.path.join(os.fspath(folder), FILE), writes

    def result(self, step: int) -> dict[str, Any] | None:
        """What the finished evaluation of `step` left in the run's record; None if there is none."""
        found = self._read()
        return found.get("told") if found.get("step") == step else None

    def begin(self, step: int, size: int) -> int | None:
        """Notes that the evaluation of `step` begins.

        Args:
          step: Of the checkpoint.
          size: Of the batches that evaluation would take.

        Returns:
          None, or the number of examples to compute at once, because the process died twice in this evaluation.
        """
        found = self._read()
        again = found.get("step") == step and "told" not in found
        begun = found["begun"] + 1 if again else 1
        limit = found.get("limit") if again else None
        if begun > DEATHS:
            limit = max((limit or size) // 2, 1)
        self._write({"step": step, "begun": begun, "limit": limit})
        return limit

    def leave(self, step: int) -> None:
        """Notes that the evaluation of `step` was left unfinished on purpose, which is no death."""
        found = self._read()
        self._write({"step": step, "begun": found.get("begun", 1) - 1, "limit": found.get("limit")})

    def finish(self, step: int, told: dict[str, Any]) -> None:
        """Notes the result: the run's record, the evaluation of `step` included."""
        self._write({"step": step, "told": told})

    def _read(self) -> dict[str, Any]:
        try:
            with tf.io.gfile.GFile(self._path) as file:
                found = json.load(file)
            whole = isinstance(found, dict) and isinstance(found.get("begun", 0), int)
            return found if whole and ("told" in found or "begun" in found) else {}
        except (OSError, ValueError, tf.errors.OpError):
            return {}

    def _write(self, values: dict[str, Any]) -> None:
        if not self._writes:
            return
        part = str(aside_of(self._path))
        try:
            with tf.io.gfile.GFile(part, "w") as file:
                file.write(json.dumps(values))
            tf.io.gfile.rename(part, self._path, overwrite=True)
        except (OSError, tf.errors.OpError) as error:
            raise PerceiverError(
                f"{self._path}: can't be written ({first_line(error)}). Check the folder and the disk."
            ) from error
