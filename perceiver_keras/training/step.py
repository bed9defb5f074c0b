"""The training step as a graph: gradients, accumulation, update, average; one call runs many steps."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.config import TaskConfig
from perceiver_keras.layers.recompute import recomputing
from perceiver_keras.layers.weights_only import without_blocks
from perceiver_keras.loss import mean_loss, mean_weight
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.freeze import Freeze, clipped
from perceiver_keras.training.large_batch import scaled
from perceiver_keras.training.optimizer import (
    Accumulator,
    MovingAverage,
    build_optimizer,
    make_optimizer,
)
from perceiver_keras.training.strategy import compilers


class TrainStep:
    """The graph of the training steps, with all variables that it changes.

    Attributes:
      metrics: The mean loss, then the task's metrics, over the batches since they were last reset.
      average: Of the weights.
      freeze: Which weights are not trained, and until when.
      bad: The first step whose loss or gradient was not finite, or -1.
      saved: What a checkpoint must hold, by name.
      variables: The same, as variables.
    """

    def __init__(self, task: Task, config: TaskConfig, model: keras.Model, strategy: Any):
        train = scaled(config)
        self._model, self._strategy = model, strategy
        self._replicas = strategy.num_replicas_in_sync
        self._variables = model.trainable_variables
        self._loss = task.measures.loss(config)
        self._mean_loss = keras.metrics.Mean(name="loss")
        self.metrics = [self._mean_loss, *task.measures.metrics(config)]
        self.freeze = Freeze(model, train)
        self._clip_norm, self._recompute = train.clip_norm, train.recompute
        if self.freeze.thaws:
            train = dataclasses.replace(train, clip_norm=None)  # see `_update`
        self._optimizer = make_optimizer(train)
        build_optimizer(self._optimizer, self._of_group(self._variables, late=False))
        self.average = MovingAverage(self._variables, train.ema_decay)
        self.bad = tf.Variable(
            tf.constant(-1, tf.int64),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self._accumulation = train.gradient_accumulation
        self._accumulator = Accumulator(self._variables) if self._accumulation > 1 else None
        # Of micro-batches whose losses are means over different numbers of places: their sum, and that number.
        self._counted = None
        if self._accumulation > 1 and hasattr(self._loss, "weight"):
            self._counted = Accumulator([tf.Variable([0.0, 0.0], trainable=False)])
        # What thaws has an optimizer of its own, whose bias correction begins with it.
        self._late_optimizer = None
        if self.freeze.thaws:
            self._late_optimizer = make_optimizer(train, first=self.freeze.until)
            build_optimizer(self._late_optimizer, self._of_group(self._variables, late=True))
        self.saved = {
            "model": model,
            "optimizer": self._optimizer,
            "average": tf.train.Checkpoint(averages=self.average.averages),
            "metrics": tf.train.Checkpoint(**{m.name: m for m in self.metrics}),
        }
        if self._late_optimizer is not None:
            self.saved["late_optimizer"] = self._late_optimizer
        self.variables = [
            *model.weights,
            *self._optimizer.variables(),
            *(self._late_optimizer.variables() if self._late_optimizer is not None else ()),
            *self.average.averages,
            *(v for metric in self.metrics for v in metric.variables),
        ]
        whole, gradients = compilers(train, strategy.num_replicas_in_sync)
        self._backward = gradients(self._loss_and_gradients)
        self._whole, self._add, self._apply = map(
            whole, (self._whole_step, self._add_batch, self._apply_sum)
        )

    def _of_group(self, items: Any, late: bool) -> list[Any]:
        """Those of `items`, one per trainable variable, that are frozen at first, or the others."""
        return [
            item for item, is_late in zip(items, self.freeze.late, strict=True) if is_late == late
        ]

    @tf.function
    def run(self, batches: Any, count: tf.Tensor, frozen: bool = False) -> None:
        """Runs `count` (int32 []) optimizer steps, each on `gradient_accumulation` batches of the iterator.

        `frozen`, a Python bool, is `freeze.at(step)` for all of these steps.
        """
        for _ in tf.range(count):
            if self._accumulator is None:
                self._strategy.run(self._whole, args=(*next(batches), frozen))
            else:
                for _ in tf.range(self._accumulation):
                    self._strategy.run(self._add, args=(*next(batches), frozen))
                self._strategy.run(self._apply, args=(frozen,))

    def settle_metrics(self) -> None:
        """Divides the metrics' sums between replicas as restoring does; all workers must call it.

        A checkpoint holds the sum over replicas. So a run goes on with the same float32 sums, bit for bit, whether it
        has just saved them or has restored them.
        """
        if self._replicas > 1:
            for metric in self.metrics:
                for variable in metric.variables:
                    variable.assign(tf.convert_to_tensor(variable))

    def _whole_step(self, inputs: Any, targets: Any, frozen: bool) -> None:
        part = self._part(targets) if self._replicas > 1 else None
        self._update(self._gradients(inputs, targets, part, frozen), frozen)

    def _add_batch(self, inputs: Any, targets: Any, frozen: bool) -> None:
        if self._counted is not None:
            part = mean_weight(self._loss, targets)
        elif self._replicas > 1:
            part = self._part(targets) / self._accumulation
        else:
            part = 1.0 / self._accumulation
        self._accumulator.add(self._gradients(inputs, targets, part, frozen))

    def _apply_sum(self, frozen: bool) -> None:
        gradients = self._accumulator.take()
        if self._counted is not None:
            (counted,) = self._counted.take()
            total, places = tf.unstack(self._summed(counted))
            self._mean_loss.update_state(tf.math.divide_no_nan(total, places), 1.0 / self._replicas)
            scale = tf.math.reciprocal_no_nan(places)
            gradients = [None if gradient is None else gradient * scale for gradient in gradients]
        self._update(gradients, frozen)

    def _part(self, targets: Any) -> tf.Tensor:
        """This replica's part of the mean over all replicas' examples, float32 []; over all of them it sums to 1."""
        own = mean_weight(self._loss, targets)
        return tf.math.divide_no_nan(own, self._summed(own))

    def _summed(self, value: tf.Tensor) -> tf.Tensor:
        if self._replicas == 1:
            return value
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, value)

    def _gradients(
        self, inputs: Any, targets: Any, part: Any, frozen: bool
    ) -> list[tf.Tensor | None]:
        """This replica's share: summed over replicas and micro-batches, the gradient of the mean over all examples.

        None for a variable that is frozen or does not matter. `part` is what the loss is multiplied by, float32 [], or
        None for 1.
        """
        total, outputs, found = self._backward(inputs, targets, part, frozen)
        finite = tf.math.is_finite(total) & tf.math.is_finite(tf.linalg.global_norm(found))
        step = tf.cast(self._optimizer.iterations, tf.int64)
        self.bad.assign(tf.where(finite | (self.bad >= 0), self.bad, step))
        if self._counted is not None:
            self._counted.add([tf.stack([total * part, part])])
        elif self._replicas > 1:
            self._mean_loss.update_state(total, part * self._accumulation)
        else:
            self._mean_loss.update_state(total)
        for metric in self.metrics[1:]:
            metric.update_state(targets, outputs)
        rest = iter(found)
        return [None if frozen and late else next(rest) for late in self.freeze.late]

    def _loss_and_gradients(
        self, inputs: Any, targets: Any, part: Any, frozen: bool
    ) -> tuple[Any, ...]:
        """The loss, the outputs, and the gradients of what is trained, as `_gradients` says."""
        with tf.GradientTape() as tape, self.freeze.applied(frozen):
            with recomputing(self._recompute):
                outputs = self._model(inputs, training=True)
            loss = mean_loss(self._loss, targets, outputs)
            total = tf.add_n([loss, *(tf.cast(x, tf.float32) for x in self._model.losses)])
            share = total if part is None else total * part
        trained = self._of_group(self._variables, late=False) if frozen else self._variables
        # Those of embeddings come as rows with their numbers. Sums of rows are what clipping must measure, what
        # replicas can add up without gathering all rows, and what XLA can give a shape (there, `Unique` has none).
        gradients = [
            None if gradient is None else tf.convert_to_tensor(gradient)
            for gradient in tape.gradient(share, trained)
        ]
        return total, outputs, gradients

    @unconverted
    def _update(self, gradients: list[tf.Tensor | None], frozen: bool) -> None:
        # With one replica there is nothing to sum, and the operation that says so would wait for all gradients: each
        # is applied when it is there, and no longer held.
        summed = {"experimental_aggregate_gradients": self._replicas > 1}
        if self._late_optimizer is not None:
            # The norm is that of all gradients, so it can't be left to two optimizers.
            gradients = clipped(gradients, self._clip_norm, self._replicas)
            summed = {"experimental_aggregate_gradients": False}
        pairs = list(zip(gradients, self._variables, strict=True))
        self._optimizer.apply_gradients(self._of_group(pairs, late=False), **summed)
        if self._late_optimizer is not None and not frozen:
            self._late_optimizer.apply_gradients(self._of_group(pairs, late=True), **summed)
        self.average.update(self._optimizer.iterations)


def build_model(model: keras.Model, spec: Any) -> None:
    """Creates the weights from the spec of a batch of inputs, without computing outputs."""
    # A tf.function would trace the model twice, the second time without making variables.
    with tf.__internal__.FuncGraph("build").as_default():
        inputs = tf.nest.map_structure(
            lambda one: tf.compat.v1.placeholder(one.dtype, one.shape), spec
        )
        with without_blocks():
            model(inputs, training=False)
