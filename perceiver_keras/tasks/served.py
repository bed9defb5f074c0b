"""What `serving_default` returns for raw inputs, of a model in this process: at once, and as a graph if it is asked on.

A graph answers faster, as its operations are fused, and costs seconds before it answers at all. So calls run as they
are until they have taken as long as that, and then as the graph that an export would hold: whoever asks little waits
for no graph, and whoever asks much waits at most about twice as long as with the better of the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.tasks.task import Task

PATIENCE = 3.0  # seconds of calls before there is a graph: what it costs, for models of all sizes within a factor of 2


class Served:
    """Answers for one model.

    Attributes:
      key: What a graph holds besides the model: made for another, it would be wrong.
    """

    def __init__(
        self, task: Task, model: keras.Model, config: TaskConfig, labels: list[str] | None
    ):
        self.key = key_of(model, config, labels)
        self._spec = task.serving.spec(config)
        self._serve = lambda raw: task.serving.serve(model, raw, config, labels)
        self._spent: float | None = None  # in calls after the first, which also prepares much
        self._graphs: dict[tuple[str, ...], Callable[..., Any]] = {}

    def __call__(self, raw: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The outputs by name, one row per request; raises what `serve` raises."""
        if self._spent is None or self._spent < PATIENCE or not raw.keys() <= self._spec.keys():
            started = time.monotonic()
            outputs = self._as_it_is(raw)
            self._spent = 0.0 if self._spent is None else self._spent + time.monotonic() - started
            return outputs
        names = tuple(sorted(raw))
        if names not in self._graphs:
            self._graphs[names] = self._traced(names)
        try:
            return _arrays(self._graphs[names](**raw))
        except (tf.errors.OpError, TypeError, ValueError):
            return self._as_it_is(raw)  # says what is wrong with these inputs in plain words

    def _as_it_is(self, raw: Mapping[str, Any]) -> dict[str, np.ndarray]:
        return _arrays(self._serve(raw))

    def _traced(self, names: tuple[str, ...]) -> Callable[..., Any]:
        def serve(**raw: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._serve(raw)

        specs = {name: self._spec[name] for name in names}
        try:
            return tf.function(serve).get_concrete_function(**specs)
        except Exception:  # of a user's own layers: what answered until now goes on to
            return serve


def key_of(model: keras.Model, config: TaskConfig, labels: list[str] | None) -> tuple:
    return id(model), config, None if labels is None else tuple(labels)


def _arrays(outputs: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in outputs.items()}
