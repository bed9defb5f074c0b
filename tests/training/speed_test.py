"""Speeds are measured on real work, and leave nothing changed."""

from __future__ import annotations

import time

import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.training.speed import SIDE, measure_products, measure_steps
from tests import tiny_training

CONFIG = override(tiny_training.CONFIG, "train.deterministic=false")


def test_steps_take_the_time_that_they_take() -> None:
    started = time.monotonic()
    speed = measure_steps(tiny_training.TASK, CONFIG, tiny_training.train_batches(CONFIG), 0.5)
    whole = time.monotonic() - started
    assert speed.steps >= 1 and speed.start > 0
    assert 0.5 * whole < speed.start + speed.steps * speed.step <= whole


def test_waiting_for_data_counts() -> None:
    waits = tiny_training.train_batches(CONFIG).map(_with_pause)
    speed = measure_steps(tiny_training.TASK, CONFIG, waits, 0.5)
    assert speed.step > 0.09


def _with_pause(inputs: tf.Tensor, targets: tf.Tensor):
    pause = tf.py_function(lambda: time.sleep(0.1) or 0.0, [], tf.float32)
    return inputs + 0 * tf.ensure_shape(pause, []), targets


def test_accumulated_batches_are_one_step() -> None:
    config = override(CONFIG, "train.gradient_accumulation=4")
    waits = tiny_training.train_batches(config).map(_with_pause)
    speed = measure_steps(tiny_training.TASK, config, waits, 0.5)
    # tf.data reads one batch ahead of the clock.
    assert speed.step * speed.steps > 0.095 * (4 * speed.steps - 1)


def test_the_precision_of_the_process_is_left_alone() -> None:
    before = keras.mixed_precision.global_policy().name
    config = override(CONFIG, "train.precision=mixed_bfloat16")
    measure_steps(tiny_training.TASK, config, tiny_training.train_batches(config), 0.1)
    assert keras.mixed_precision.global_policy().name == before


def test_products_are_about_as_fast_as_one_that_is_timed_here() -> None:
    found = measure_products("float32", 0.3)
    matrix = tf.random.uniform([SIDE, SIDE])
    times = []
    for _ in range(10):
        started = time.monotonic()
        tf.matmul(matrix, matrix).numpy()
        times.append(time.monotonic() - started)
    assert found == pytest.approx(2 * SIDE**3 / min(times), rel=0.95)
    assert measure_products("mixed_bfloat16", 0.1) > 0
