"""One pass over the test split: what the model says of the examples of each class, and how sure it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.metrics import calibration
from perceiver_keras.show.mistakes import Mistakes
from perceiver_keras.tasks.task import Task

JUDGED_SECONDS = 600  # of a split that takes longer, the first examples are judged
CALIBRATION = (
    calibration.CalibrationError,
    calibration.ColumnCalibrationError,
    calibration.LabelwiseCalibrationError,
)


@dataclass
class Answers:
    """What was added up.

    Attributes:
      mistakes: By class; None if the task's answers are not classes.
      bins: Name of a calibration metric -> its bins, as `show/reliability.py` takes them; empty if there is none.
    """

    mistakes: Mistakes | None = None
    bins: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def answers(
    task: Task,
    model: Any,
    batches: tf.data.Dataset,
    config: TaskConfig,
    labels: Sequence[str] | None,
) -> Answers:
    """Asks the model once about each example, or about as many as fit into `JUDGED_SECONDS`.

    Args:
      batches: (inputs, targets).
      labels: Names of the classes.
    """
    found, start, remembered = Answers(), time.monotonic(), _Remembered(model)
    metrics = [m for m in task.measures.column_metrics(config) if isinstance(m, CALIBRATION)]
    verdicts = task.asking.verdicts
    for inputs, targets in batches if verdicts or metrics else ():
        said = None if verdicts is None else verdicts(remembered, inputs, targets, config)
        if said is None:
            verdicts = None
        else:
            if found.mistakes is None:
                names = said.names or labels or range(said.probabilities.shape[-1])
                found.mistakes = Mistakes(names)
            found.mistakes.add(said.truth, said.probabilities, said.example)
        if metrics:
            columns = task.measures.columns(targets, remembered.predict_on_batch(inputs))
            for metric in metrics:
                metric.update_state(targets, columns)
        if not (verdicts or metrics) or time.monotonic() - start > JUDGED_SECONDS:
            break
    found.bins = {
        metric.name: [vars(one) for one in calibration.reliability(metric.sums)]
        for metric in metrics
        if metric.sums.any()
    }
    return found


class _Remembered:
    """A model that need not compute the same batch twice."""

    def __init__(self, model: Any):
        self._model = model
        self._last: tuple[Any, Any] | None = None

    def predict_on_batch(self, inputs: Any) -> Any:
        if self._last is None or self._last[0] is not inputs:
            self._last = inputs, self._model.predict_on_batch(inputs)
        return self._last[1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
