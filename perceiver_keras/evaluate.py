"""Evaluation: the task's loss and metrics of a model on a finite dataset, each example counted once."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import PerceiverError
from perceiver_keras.loss import mean_loss
from perceiver_keras.metrics.results import results
from perceiver_keras.tasks.task import Task


class Evaluator:
    """Evaluates one model repeatedly without tracing again.

    It has its own metrics, so evaluating in the middle of training does not affect those of training. It runs on one
    device; in a distributed run, each worker evaluates by itself, so that a smaller last batch needs no exchange.
    """

    def __init__(self, task: Task, config: TaskConfig, model: keras.Model):
        self._model = model
        self._loss = task.measures.loss(config)
        self._metrics = task.measures.metrics(config)
        self._mean_loss = keras.metrics.Mean(name="loss")

    def __call__(self, dataset: tf.data.Dataset) -> dict[str, float]:
        """{"loss": the mean over examples, and each metric's value by name} on a finite dataset of (inputs, targets).

        Raises:
          PerceiverError: the dataset is empty.
        """
        for metric in (self._mean_loss, *self._metrics):
            metric.reset_state()
        batches = 0
        for inputs, targets in dataset:
            self._step(inputs, targets)
            batches += 1
        if not batches:
            raise PerceiverError(
                "There is no example to evaluate on: check the split's name and data.max_examples."
            )
        return results((self._mean_loss, *self._metrics))

    @tf.function(reduce_retracing=True)
    def _step(self, inputs: Any, targets: Any) -> None:
        outputs = self._model(inputs, training=False)
        size = tf.shape(tf.nest.flatten(targets)[0])[0]
        self._mean_loss.update_state(
            mean_loss(self._loss, targets, outputs), tf.cast(size, tf.float32)
        )
        for metric in self._metrics:
            metric.update_state(targets, outputs)


def evaluate(
    task: Task, config: TaskConfig, model: keras.Model, dataset: tf.data.Dataset
) -> dict[str, float]:
    """The loss and the task's metrics, by name, of `model` on a finite dataset of (inputs, targets) batches."""
    return Evaluator(task, config, model)(dataset)
