"""What `serving_default` returns for raw inputs, of a model in this process: at once, and as a graph when asked again.

A graph answers faster, as its operations are fused, but tracing it costs as much as many answers: most programs that
ask once are done before. So the first calls run as they are, and the later ones as the graph that an export would hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.tasks.task import Task

AS_IT_IS = 2  # calls before there is a graph


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
        self._calls = 0
        self._graphs: dict[tuple[str, ...], Callable[..., Any]] = {}

    def __call__(self, raw: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The outputs by name, one row per request; raises what `serve` raises."""
        self._calls += 1
        if self._calls <= AS_IT_IS or not raw.keys() <= self._spec.keys():
            return self._as_it_is(raw)
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
        return tf.function(serve).get_concrete_function(**specs)


def key_of(model: keras.Model, config: TaskConfig, labels: list[str] | None) -> tuple:
    return id(model), config, None if labels is None else tuple(labels)


def _arrays(outputs: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in outputs.items()}
