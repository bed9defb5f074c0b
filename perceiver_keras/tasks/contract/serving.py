"""What an exported model takes and returns. Only operations of TensorFlow's core: a server has nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.tasks.contract.examples import Labels, Tensors


@dataclass(frozen=True, kw_only=True)
class Serving:
    """From raw bytes, as users have them, to named tensors.

    Attributes:
      spec: config -> what `serving_default` takes, by name; the first axis is B.
      serve: (model, raw inputs, config, labels) -> what `serving_default` returns.
      respond: (the model's inputs, its outputs, config, labels) -> the same named tensors.
      warmup: raw inputs that are features of stored examples -> raw inputs worth warming a server up with.
    """

    spec: Callable[[TaskConfig], dict[str, tf.TensorSpec]]
    serve: Callable[[keras.Model, Tensors, TaskConfig, Labels | None], dict[str, tf.Tensor]]
    respond: Callable[[Any, Any, TaskConfig, Labels | None], dict[str, tf.Tensor]]
    warmup: Callable[[Tensors], Tensors] = lambda raw: raw
