"""Evaluation: the task's loss and metrics of a model on a finite dataset, each example counted once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import PerceiverError
from perceiver_keras.loss import mean_loss
from perceiver_keras.metrics.results import results
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.free_memory import free_memory
from perceiver_keras.training.graph_usage import graph_usage
from perceiver_keras.training.out_of_memory import advice, is_out_of_memory, part_of


class Evaluator:
    """Evaluates one model repeatedly without tracing again.

    It has its own metrics, so evaluating in the middle of training does not affect those of training. It runs on one
    device; in a distributed run, each worker evaluates by itself, so that a smaller last batch needs no exchange. Only
    on TPUs, where this device would be the host's CPU, all replicas compute outputs.

    Batches that do not fit into memory are computed in halves: what was trained is worth more than the time.

    Args:
      task: Whose loss and metrics are computed.
      config: Of the run.
      model: To evaluate, with its weights of the moment.
      say: Told when batches are halved; by default, logged.
      between: Called after each batch; what it raises ends the evaluation.
      strategy: Whose replicas share the outputs to compute; None: this device computes them.

    Attributes:
      limit: At most this many examples are computed at once; None: a batch as it comes.
    """

    def __init__(
        self,
        task: Task,
        config: TaskConfig,
        model: keras.Model,
        say: Callable[[str], None] | None = None,
        between: Callable[[], None] = lambda: None,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self._model, self._between, self._strategy = model, between, strategy
        self._loss = task.measures.loss(config)
        self._metrics = task.measures.metrics(config)
        self._mean_loss = keras.metrics.Mean(name="loss")
        self._say = say or logging.getLogger(__name__).warning
        self.limit: int | None = None
        self._size = 0
        self._fitting: set[int] = set()

    def __call__(self, dataset: tf.data.Dataset) -> dict[str, float]:
        """{"loss": the mean over examples, and each metric's value by name} on a finite dataset of (inputs, targets).

        Raises:
          PerceiverError: the dataset is empty, or not even one example fits into memory.
        """
        while True:
            try:
                return self._once(dataset)
            except (MemoryError, tf.errors.OpError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(error)

    def _once(self, dataset: tf.data.Dataset) -> dict[str, float]:
        for metric in (self._mean_loss, *self._metrics):
            metric.reset_state()
        self._size = 0
        for inputs, targets in dataset:
            size = _size(targets)
            self._size = min(size, self.limit or size)
            before = self._size
            while self._size > 1 and not self._foreseen(inputs, targets):
                self._size = self.limit = self._size // 2
            if self._size < before:
                self._say(
                    f"Evaluation takes {self.limit} examples at once: {before} would not fit into memory. "
                    f"To set it: evaluate.batch_size={self.limit}."
                )
            for part in _parts((inputs, targets), size, self._size):
                if self._strategy is None:
                    self._step(*part)
                else:
                    self._count(part[1], self._shared(part[0]))
                self._between()
        if not self._size:
            raise PerceiverError(
                "There is no example to evaluate on: check the split's name and data.max_examples."
            )
        return results((self._mean_loss, *self._metrics))

    def _foreseen(self, inputs: Any, targets: Any) -> bool:
        """Whether a batch of `_size` is likely to fit. On the host, too much memory may end the process unasked."""
        if self._size in self._fitting or self._strategy is not None:
            return True
        if tf.config.functions_run_eagerly():
            return True  # there is no graph to look at
        part = next(_parts((inputs, targets), _size(targets), self._size))
        needed = graph_usage(self._step.get_concrete_function(*part).graph).peak
        free = free_memory()
        if free is None or not free.host or needed <= free.size:
            self._fitting.add(self._size)
            return True
        return False

    def _halve(self, error: BaseException) -> None:
        """Sets `limit` to half of the size that failed."""
        part = part_of(error, "evaluation")
        if self._size <= 1:
            # The data set itself, or one example.
            raise PerceiverError(
                "Out of memory in evaluation, even for a single example. "
                + advice("evaluation", part)
                if self._size
                else "Out of memory while a batch for evaluation was read. " + advice("evaluation")
            ) from error
        self.limit = self._size // 2
        self._say(
            f"Out of memory in evaluation with {self._size} examples at once; it starts again with {self.limit}. "
            f"To set it: evaluate.batch_size={self.limit}."
        )

    # Each shape has a graph of its own: with an unknown number of examples, chunked attention would keep to its budget
    # per example instead of per batch.
    @tf.function
    def _step(self, inputs: Any, targets: Any) -> None:
        self._count(targets, self._model(inputs, training=False))

    @tf.function
    def _count(self, targets: Any, outputs: Any) -> None:
        size = tf.shape(tf.nest.flatten(targets)[0])[0]
        self._mean_loss.update_state(
            mean_loss(self._loss, targets, outputs), tf.cast(size, tf.float32)
        )
        for metric in self._metrics:
            metric.update_state(targets, outputs)

    def _shared(self, inputs: Any) -> Any:
        """The outputs of a batch, computed by all replicas in equal parts.

        Each batch is padded with its last example to the same size, since a program for a TPU has fixed shapes and
        takes long to compile.
        """
        size, replicas = _size(inputs), self._strategy.num_replicas_in_sync
        each = -(-self._size // replicas)
        padded = tf.nest.map_structure(
            lambda array: tf.concat(
                [array, tf.repeat(array[-1:], each * replicas - size, axis=0)], axis=0
            ),
            inputs,
        )
        parts = list(_parts(padded, each * replicas, each))
        shared = self._strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )
        return tf.nest.map_structure(
            lambda array: tf.concat(self._strategy.experimental_local_results(array), 0)[:size],
            self._forward(shared),
        )

    @tf.function
    def _forward(self, inputs: Any) -> Any:
        return self._strategy.run(self._model, args=(inputs,), kwargs={"training": False})


def _size(batch: Any) -> int:
    return int(tf.nest.flatten(batch)[0].shape[0])


def _parts(batch: Any, size: int, most: int) -> Iterator[Any]:
    """The batch in pieces of at most `most` examples."""
    if size <= most:
        yield batch
        return
    for start in range(0, size, most):
        yield tf.nest.map_structure(lambda array, s=start: array[s : s + most], batch)


def evaluate(
    task: Task,
    config: TaskConfig,
    model: keras.Model,
    dataset: tf.data.Dataset,
    say: Callable[[str], None] | None = None,
) -> dict[str, float]:
    """The loss and the task's metrics, by name, of `model` on a finite dataset of (inputs, targets) batches."""
    return Evaluator(task, config, model, say)(dataset)
