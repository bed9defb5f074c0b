"""A loss or gradient that is not a number: at which step, on which examples, and from where to go on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

import tensorflow as tf

from perceiver_keras.data.store.records import Stored
from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_json
from perceiver_keras.training.strategy import Batches

FILE = "not_finite.json"
_MOST_NAMED = 8


def not_finite(
    step: int,
    batches: Batches,
    accumulation: int,
    folder: str | None,
    rate: float,
    latest: str | None,
) -> PerceiverError:
    """The error that ends training; all examples of the step are listed in a file of `folder`.

    Args:
      step: The first one, from 0, whose loss or gradient was not finite.
      batches: What the run trains on.
      accumulation: How many batches each step takes.
      folder: Of the run's state; None: the examples are not told, as another worker does.
      rate: The learning rate of the step.
      latest: The newest checkpoint, which is of an earlier step.
    """
    first = step * accumulation
    numbers = (
        f"batch {first}" if accumulation == 1 else f"batches {first} to {first + accumulation - 1}"
    )
    where = ""
    with contextlib.suppress(
        OSError, tf.errors.OpError, PerceiverError
    ):  # the step's error matters more
        count = accumulation if folder is not None else 0
        found = [one for batch in range(count) for one in batches.examples_in(first + batch)]
        if found:
            where = _told(found, step, os.path.join(folder, FILE))
    return PerceiverError(
        f"The loss or its gradient was not finite at step {step} ({numbers}, learning rate {rate:.2g}).{where} "
        f"The last good checkpoint is {latest or 'none yet'}. "
        "Try a lower train.learning_rate, more train.warmup_steps or train.clip_norm=1, with `perceiver train` in "
        "another --run-dir."
    )


def _told(found: Sequence[Stored], step: int, path: str) -> str:
    rows = [{"index": one.index, "file": one.file, "record": one.record} for one in found]
    write_json(path, {"step": step, "examples": rows})
    named = ", ".join(str(one.index) for one in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return f" Its examples, by their index in the training split: {named}{more}; all are in {path}."
