"""What an exported model takes and returns. Use only core TensorFlow operations: a server has no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.tasks.contract.examples import Labels, Tensors


def _every(raw: Tensors, config: TaskConfig) -> tf.Tensor:
    return tf.ones(tf.shape(next(iter(raw.values())))[:1], tf.bool)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """From raw bytes, as users have them, to named output tensors.

    Attributes:
      spec: config -> what `serving_default` takes, by name; the first axis is B.
      serve: (model, raw inputs, config, labels) -> what `serving_default` returns, by name.
      respond: (the model's inputs, its outputs, config, labels) -> the same named tensors.
      warmup: raw inputs taken from stored examples -> raw inputs to warm a server up with.
      as_trained: (what `warmup` returns, config) -> bool [B], for which of them `serve` must return what `respond` does
        for the model's inputs that `prepare` makes of the stored example; by default, for all. Of what does not fit the
        model, `prepare` may take a part and `serve` all.
      of_classes: What people should know of a model's answers that has named classes, one sentence.
      attended: (model, raw inputs, config) -> named tensors; `attention` [B, ...] is the share of the attention that
        each place of an example gets: a grid over pictures, or positions of a text. None: there is no such map.
    """

    spec: Callable[[TaskConfig], dict[str, tf.TensorSpec]]
    serve: Callable[[keras.Model, Tensors, TaskConfig, Labels | None], dict[str, tf.Tensor]]
    respond: Callable[[Any, Any, TaskConfig, Labels | None], dict[str, tf.Tensor]]
    warmup: Callable[[Tensors], Tensors] = lambda raw: raw
    as_trained: Callable[[Tensors, TaskConfig], tf.Tensor] = _every
    of_classes: str = "It always answers with one of its classes."
    attended: Callable[[keras.Model, Tensors, TaskConfig], dict[str, tf.Tensor]] | None = None
