"""What updates the weights, from a `TrainConfig`: schedule, optimizer, moving average, accumulation.

Steps are optimizer steps; step 0 is the first update. Variables are created in the scope of the current strategy, so
build these objects in the scope in which the model was built.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras import stack
from perceiver_keras.autograph import unconverted
from perceiver_keras.config import TrainConfig
from perceiver_keras.training.adamw import AdamW
from perceiver_keras.training.lamb import LAMB
from perceiver_keras.training.per_shape import traced_per_shape

# As in the official training code, biases and norms are not decayed; position embeddings and latents are.
NOT_DECAYED = (r"(^|/)(bias|scale|offset|gamma|beta)(_\d+)?(/replica_\d+)?:\d+$",)
_NOTHING = (r"(?!)",)  # an empty list would make TensorFlow Addons reuse the decay's list


@keras.saving.register_keras_serializable(package="perceiver_keras")
class WarmUpThen(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `peak` over `warmup_steps`, then constant, cosine to 0, or half and half.

    Attributes:
      peak: The highest learning rate.
      steps: Of the whole run; a cosine reaches 0 there.
      warmup_steps: Of the linear rise, included in `steps`.
      schedule: "cosine", "constant", or "constant_then_cosine" (constant for `constant_steps`).
      constant_steps: Of "constant_then_cosine", before the cosine; None: half of `steps`.
      first: The step of the run that an optimizer which begins later counts as its step 0.
    """

    def __init__(
        self,
        peak: float,
        steps: int,
        warmup_steps: int = 0,
        schedule: str = "cosine",
        first: int = 0,
        constant_steps: int | None = None,
    ):
        self.constant_steps = constant_steps
        self.peak, self.steps = peak, steps
        self.warmup_steps, self.schedule = warmup_steps, schedule
        self.first = first

    def __call__(self, step: Any) -> tf.Tensor:
        """step: integer or tensor [] -> learning rate, float32 []."""
        step = tf.cast(step, tf.float32) + self.first
        half = self.steps // 2 if self.constant_steps is None else self.constant_steps
        start = {
            "cosine": self.warmup_steps,
            "constant": self.steps,
            "constant_then_cosine": max(self.warmup_steps, half),
        }[self.schedule]
        done = tf.clip_by_value((step - start) / max(self.steps - start, 1), 0.0, 1.0)
        factor = 0.5 * (1.0 + tf.cos(math.pi * done))
        if self.warmup_steps:
            factor *= tf.minimum(step / self.warmup_steps, 1.0)
        return self.peak * factor

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
            "schedule": self.schedule,
            "first": self.first,
            "constant_steps": self.constant_steps,
        }


def make_schedule(train: TrainConfig, first: int = 0) -> WarmUpThen:
    return WarmUpThen(
        train.learning_rate,
        train.steps,
        train.warmup_steps,
        train.schedule,
        first,
        train.constant_steps,
    )


def make_optimizer(train: TrainConfig, first: int = 0) -> Any:
    """LAMB or AdamW, with its schedule and clipping.

    LAMB is TensorFlow Addons' where that can be had, else ours: a legacy Keras optimizer either way.
    Weight decay is decoupled: it is added to Adam's scaled update, in LAMB before the trust ratio (arXiv 1904.00962).
    As in the official training code, every variable gets a trust ratio, including biases and norms. Gradients are
    clipped by their global norm after they are summed over replicas. `first` is the step of the run at which it begins.
    """
    common = {
        "learning_rate": make_schedule(train, first),
        "beta_1": train.beta_1,
        "beta_2": train.beta_2,
        "epsilon": train.epsilon,
        "weight_decay": train.weight_decay,
        "global_clipnorm": train.clip_norm,
    }
    if train.optimizer == "adamw":
        optimizer = AdamW(**common, jit_compile=False)
        optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
        return optimizer
    common["exclude_from_weight_decay"] = list(NOT_DECAYED)
    if addons := stack.addons():
        common["exclude_from_layer_adaptation"] = list(_NOTHING)
        return traced_per_shape(addons.optimizers.LAMB(**common))
    return traced_per_shape(LAMB(**common))


def build_optimizer(optimizer: Any, variables: Sequence[tf.Variable]) -> None:
    """Creates the optimizer's variables now, so that a checkpoint can be restored into them."""
    if hasattr(optimizer, "_create_all_weights"):  # the legacy base
        optimizer._create_all_weights(variables)
    else:
        optimizer.build(variables)


class MovingAverage:
    """An exponential moving average of the weights, kept next to the model and swapped in for evaluation.

    The decay at step t is min(decay, (1 + t) / (10 + t)), as in `tf.train.ExponentialMovingAverage`, so that even in a
    short run the average forgets the initial weights. With decay 0 there are no variables, and all methods do nothing.
    """

    def __init__(self, variables: Sequence[tf.Variable], decay: float):
        self.decay = decay
        self._model_variables = list(variables) if decay else []
        self.averages = [
            tf.Variable(
                tf.identity(v),
                trainable=False,
                name=f"average_{i}",
                synchronization=tf.VariableSynchronization.ON_READ,  # every replica computes the same
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            for i, v in enumerate(self._model_variables)
        ]

    def restart(self) -> None:
        """Sets the averages to the present weights."""
        for average, variable in zip(self.averages, self._model_variables, strict=True):
            average.assign(variable)

    @unconverted
    def update(self, step: tf.Tensor) -> None:
        """To be called after the update that completed `step` steps, in replica context."""
        if not self.averages:
            return
        step = tf.cast(step, tf.float32)
        rate = 1.0 - tf.minimum(self.decay, (1.0 + step) / (10.0 + step))
        for average, variable in zip(self.averages, self._model_variables, strict=True):
            average.assign_sub(rate * (average - variable))

    @tf.function
    def swap(self) -> None:
        """Exchanges weights and averages exactly; a second call restores both."""
        for average, variable in zip(self.averages, self._model_variables, strict=True):
            value = tf.identity(variable)
            variable.assign(tf.identity(average))
            average.assign(value)


class Accumulator:
    """Sums the gradients of several micro-batches; it is empty between steps, so checkpoints do not contain it."""

    def __init__(self, variables: Sequence[tf.Variable]):
        self._sums = [
            tf.Variable(
                tf.zeros_like(v),
                trainable=False,
                name=f"gradient_{i}",
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )
            for i, v in enumerate(variables)
        ]
        self._used: set[int] = set()  # found while tracing: the other variables have no gradient

    def add(self, gradients: Sequence[tf.Tensor | None]) -> None:
        for i, (total, gradient) in enumerate(zip(self._sums, gradients, strict=True)):
            if gradient is not None:
                self._used.add(i)
                total.assign_add(gradient)

    def take(self) -> list[tf.Tensor | None]:
        """Returns the sums, None for variables without a gradient, and resets them to zero."""
        values = [tf.identity(total) for total in self._sums]
        for total, value in zip(self._sums, values, strict=True):
            total.assign(tf.zeros_like(value))
        return [value if i in self._used else None for i, value in enumerate(values)]
