"""What a configuration costs, before anything is allocated: parameters, multiplications, memory.

The model and its gradient are traced into a graph that is never run (no weight exists, about 100 MB for 200 million
parameters), so every task, stage and setting counts as it is, chunked attention too. docs/scaling.md (Memory) has the
measured error.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import UninitializedVariable

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.store.batches import train_batches
from perceiver_keras.data.store.records import Records, Shard
from perceiver_keras.layers.recompute import recomputing
from perceiver_keras.loss import mean_loss
from perceiver_keras.policy import precision
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.graph_usage import Usage, usage

# Batches that are read ahead or being made: two prefetched, one in use, one being joined.
_BATCHES_IN_FLIGHT = 4
# What TensorFlow takes beyond the tensors that are needed at once: ops that run side by side, and kernels' own buffers.
SPREAD = 1.25
# Copies of the weights' size that an update and the kernels' own formats take, found by measuring on the CPU.
_COPIES = 3
# Both optimizers keep a mean and a variance per weight.
_SLOTS = 2


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of a task's configuration on one device, in bytes where not said otherwise.

    Attributes:
      parameters: Trainable numbers.
      flops: Of the forward pass of one example, a multiplication and an addition counted as two.
      training_flops: Of the forward and backward pass of one example, and of what `train.recompute` computes again.
      weights: Of the model, non-trainable ones included.
      state: What training keeps between steps: weights, optimizer slots, the moving average, accumulated gradients.
      gradients: Of one step.
      training: At the peak of a training step with `batch_size` examples, the state included.
      evaluation: At the peak of an evaluation step with `evaluation_batch_size` examples, the weights included.
      batch_size: Examples in one training batch on this device.
      evaluation_batch_size: Examples in one evaluation batch.
    """

    parameters: int
    flops: int
    training_flops: int
    weights: int
    state: int
    gradients: int
    training: int
    evaluation: int
    batch_size: int
    evaluation_batch_size: int

    @property
    def example(self) -> int:
        """What one more example in a training batch adds, on average."""
        return (self.training - self.state - self.gradients) // self.batch_size

    @property
    def evaluation_example(self) -> int:
        """What one more example in an evaluation batch adds, on average."""
        return (self.evaluation - self.weights) // self.evaluation_batch_size


def estimate(
    task: Task,
    config: TaskConfig,
    *,
    batch_size: int | None = None,
    evaluation_batch_size: int | None = None,
    spec: Any = None,
    known: dict[tuple[int, bool], _Traced] | None = None,
) -> Cost:
    """The cost of `config`.

    Args:
      task: Whose model, loss and examples are traced.
      config: Of the whole run.
      batch_size, evaluation_batch_size: Instead of the configuration's; one of them must be a number where the
        configuration says "auto", for which 1 is taken otherwise.
      spec: Of a batch (inputs, targets), if it is known; by default the task's `prepare` is traced for it.
      known: Is filled with what was traced, and read, so that several estimates of one model trace each size once.

    Raises:
      UsageError: as the model's and the data's construction do.
    """
    known = {} if known is None else known

    def traced(size: int, training: bool) -> _Traced:
        if (size, training) not in known:
            known[size, training] = _trace(task, config, _batch_of(spec, size), training)
        return known[size, training]

    size = batch_size or _number(config.data.batch_size)
    evaluation_size = evaluation_batch_size or _number(config.evaluate.batch_size)
    spec = one_example(task, config) if spec is None else spec
    trained, evaluated = traced(size, True), traced(evaluation_size, False)
    gradients = 4 * trained.parameters
    state = trained.weights + 4 * trained.parameters * (
        _SLOTS + (config.train.ema_decay > 0) + (config.train.gradient_accumulation > 1)
    )
    # Clipping makes a second copy of the gradients, and the update of a variable some more of its own size.
    update = (2 if config.train.clip_norm else 1) * gradients + 3 * trained.largest
    inputs = _BATCHES_IN_FLIGHT * sum(_bytes(leaf) for leaf in tf.nest.flatten(spec))
    return Cost(
        parameters=trained.parameters,
        flops=evaluated.usage.flops // evaluation_size,
        training_flops=trained.usage.flops // size,
        weights=trained.weights,
        state=state,
        gradients=gradients,
        training=state
        + _COPIES * gradients
        + round(SPREAD * max(trained.usage.peak, update))
        + size * inputs,
        # Kernels keep the weights in formats of their own as well.
        evaluation=2 * trained.weights
        + round(SPREAD * evaluated.usage.peak)
        + evaluation_size * inputs,
        batch_size=size,
        evaluation_batch_size=evaluation_size,
    )


def one_example(task: Task, config: TaskConfig) -> Any:
    """The spec of (inputs, targets) of a batch of one, from the task's `prepare`; no data is read."""
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, batch_size=1))
    batches = train_batches(
        Records((Shard("nowhere", 0, 1),), "", 1),
        lambda features, seed: task.examples.prepare(features, config, True, seed),
        task.examples.spec(config),
        batch_size=1,
        seed=0,
        shuffle_buffer=1,
        joined=task.examples.joined(config),
    )
    return batches.element_spec


@contextlib.contextmanager
def abstract() -> Iterator[None]:
    """Inside, ops are recorded in a graph, and variables have a shape and no memory.

    A plain `tf.Graph` would not do: Keras then turns all layers of the process into those of TensorFlow 1.
    """
    with tf.__internal__.FuncGraph("cost").as_default(), tf.variable_creator_scope(_no_value):
        yield


def _no_value(creator: Any, **kwargs: Any) -> tf.Variable:
    shape, dtype = kwargs.get("shape"), kwargs.get("dtype")
    if shape is None or not tf.TensorShape(shape).is_fully_defined() or dtype is None:
        value = kwargs["initial_value"]
        value = tf.convert_to_tensor(value() if callable(value) else value, dtype)
        shape, dtype = value.shape, value.dtype
    return UninitializedVariable(
        trainable=kwargs.get("trainable"),
        name=kwargs.get("name"),
        shape=shape,
        dtype=dtype,
        synchronization=kwargs.get("synchronization"),
        aggregation=kwargs.get("aggregation"),
    )


@dataclass(frozen=True)
class _Traced:
    usage: Usage
    parameters: int
    weights: int
    largest: int  # bytes of the largest weight


def _trace(task: Task, config: TaskConfig, spec: Any, training: bool) -> _Traced:
    with precision(config.train.precision), abstract():
        inputs, targets = tf.nest.map_structure(_placeholder, spec)
        model = task.build(config)
        # Under a tape, loops keep what their gradient needs.
        with tf.GradientTape() if training else contextlib.nullcontext() as tape:
            with recomputing(config.train.recompute):
                outputs = model(inputs, training=training)
            loss = mean_loss(task.measures.loss(config), targets, outputs)
        wanted = [*tf.nest.flatten(outputs), loss]
        variables = model.trainable_variables
        if training:
            found = tape.gradient(loss, variables)
            wanted = [loss, *(tf.convert_to_tensor(g) for g in found if g is not None)]
        return _Traced(
            usage(wanted),
            sum(v.shape.num_elements() for v in variables),
            sum(_bytes(v) for v in model.weights),
            max(map(_bytes, variables), default=0),
        )


def _placeholder(spec: tf.TensorSpec) -> tf.Tensor:
    return tf.compat.v1.placeholder(spec.dtype, spec.shape)


def _batch_of(spec: Any, size: int) -> Any:
    return tf.nest.map_structure(lambda s: tf.TensorSpec([size, *s.shape[1:]], s.dtype), spec)


def _bytes(tensor: Any) -> int:
    return (
        tensor.shape[1:] if isinstance(tensor, tf.TensorSpec) else tensor.shape
    ).num_elements() * (tensor.dtype.size)


def _number(size: int | str) -> int:
    return size if isinstance(size, int) else 1
