"""How fast this machine trains a configuration: a few real steps, or, where they are too many, matrix products."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.policy import precision
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.step import TrainStep, build_model
from perceiver_keras.training.strategy import Batches, Source, make_strategy

SIDE = 1024  # of the matrices: large enough that starting a product does not count


class Speed(NamedTuple):
    """Of training steps.

    Attributes:
      start: Seconds until the first step is done: building, tracing and compiling.
      step: Seconds per step after that, waiting for data included.
      steps: How many were measured.
    """

    start: float
    step: float
    steps: int


def measure_steps(task: Task, config: TaskConfig, train: Source, seconds: float = 2.0) -> Speed:
    """Trains a new model, which is thrown away, for about `seconds` after its first step.

    Args:
      task, config: As `train.fit` takes them.
      train: Endless batches, as `train.fit` takes them.
      seconds: To measure for; at least one step is.
    """
    with precision(config.train.precision):
        started = time.monotonic()
        strategy = make_strategy(config.train)
        batches = Batches(train, strategy)
        with strategy.scope():
            model = task.build(config)
            build_model(model, batches.spec[0])
            step = TrainStep(task, config, model, strategy)
        batches.go_to(0)
        _run(step, batches, 1)
        begun = time.monotonic()
        done, count = 0, 1
        while (now := time.monotonic()) - begun < seconds:
            # Twice as many each time, until they take a quarter of the time.
            _run(step, batches, count)
            done += count
            if time.monotonic() - now < seconds / 4:
                count *= 2
        return Speed(begun - started, (time.monotonic() - begun) / done, done)


def _run(step: TrainStep, batches: Batches, count: int) -> None:
    step.run(batches.iterator, tf.constant(count))
    int(step.bad.read_value())  # waits until the device is done


def measure_products(precision: str, seconds: float = 0.5) -> float:
    """Floating-point operations per second of matrix products on the device that training would use.

    Args:
      precision: `train.precision`.
      seconds: To measure for.
    """
    dtype = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
    matrix: Any = tf.random.uniform([SIDE, SIDE], dtype=tf.float32)
    matrix = tf.cast(matrix / SIDE, dtype)
    product = tf.function(lambda x: tf.matmul(x, x))
    product(matrix).numpy()
    begun, done = time.monotonic(), 0
    while time.monotonic() - begun < seconds:
        result = product(matrix)
        for _ in range(9):
            result = product(result)
        result.numpy()
        done += 10
    return 2 * SIDE**3 * done / (time.monotonic() - begun)
