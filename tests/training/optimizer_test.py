"""Schedules, optimizers and averages against NumPy restatements of their formulas."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import TrainConfig
from perceiver_keras.training.optimizer import (
    Accumulator,
    MovingAverage,
    WarmUpThen,
    build_optimizer,
    make_optimizer,
    make_schedule,
)

TRAIN = TrainConfig(
    steps=100, learning_rate=0.1, schedule="constant", weight_decay=0.3, epsilon=1e-6, beta_2=0.99
)
NAMES = ("encode/kernel", "encode/bias", "encode/norm/scale", "query/position/embeddings")
DECAYED = (True, False, False, True)


def rates(**changes) -> np.ndarray:
    train = dataclasses.replace(TRAIN, learning_rate=2.0, **changes)
    return np.array([make_schedule(train)(step).numpy() for step in range(train.steps + 1)])


def test_cosine_rises_linearly_and_ends_at_zero():
    got = rates(schedule="cosine", warmup_steps=20)
    steps = np.arange(101)
    want = np.where(steps < 20, 2.0 * steps / 20, 1.0 + np.cos(math.pi * (steps - 20) / 80))
    np.testing.assert_allclose(got, want, atol=2e-6)


def test_constant_stays():
    got = rates(schedule="constant", warmup_steps=10)
    np.testing.assert_allclose(got[10:], 2.0)
    np.testing.assert_allclose(got[:10], 0.2 * np.arange(10), rtol=1e-6)


def test_constant_for_half_then_cosine():
    got = rates(schedule="constant_then_cosine")
    np.testing.assert_allclose(got[:51], 2.0)
    np.testing.assert_allclose(got[75], 1.0, rtol=1e-5)
    np.testing.assert_allclose(got[100], 0.0, atol=1e-6)


def test_the_constant_part_can_have_any_length():
    """Fine-tuning of configuration B: 70,000 of 131,000 steps, here in thousands."""
    got = rates(schedule="constant_then_cosine", steps=131, constant_steps=70)
    np.testing.assert_allclose(got[:71], 2.0)
    want = 1.0 + np.cos(math.pi * np.arange(62) / 61)
    np.testing.assert_allclose(got[70:], want, atol=2e-6)


def test_a_schedule_survives_serialization():
    schedule = WarmUpThen(0.3, 10, 2, "constant_then_cosine", constant_steps=7)
    config = tf.keras.optimizers.schedules.serialize(schedule)
    again = tf.keras.optimizers.schedules.deserialize(config)
    assert [float(again(s)) for s in range(11)] == [float(schedule(s)) for s in range(11)]


def updates(gradients, weights, train: TrainConfig):
    """The formulas: Adam with bias correction, decay, and for LAMB the trust ratio of each variable."""
    m = [np.zeros_like(w) for w in weights]
    v = [np.zeros_like(w) for w in weights]
    for step, gradient in enumerate(gradients, start=1):
        if train.clip_norm:
            norm = math.sqrt(sum(float((g**2).sum()) for g in gradient))
            gradient = [g * min(1.0, train.clip_norm / norm) for g in gradient]
        for i, g in enumerate(gradient):
            m[i] = train.beta_1 * m[i] + (1 - train.beta_1) * g
            v[i] = train.beta_2 * v[i] + (1 - train.beta_2) * g**2
            unbias_m, unbias_v = 1 - train.beta_1**step, 1 - train.beta_2**step
            decay = train.weight_decay * weights[i] if DECAYED[i] else 0.0
            if train.optimizer == "lamb":
                update = m[i] / unbias_m / (np.sqrt(v[i] / unbias_v) + train.epsilon) + decay
                size, change = np.linalg.norm(weights[i]), np.linalg.norm(update)
                update = update * (size / change if size > 0 and change > 0 else 1.0)
            else:  # Keras adds epsilon before the second moment's correction (1412.6980, section 2)
                scale = math.sqrt(unbias_v) / unbias_m
                update = m[i] * scale / (np.sqrt(v[i]) + train.epsilon) + decay
            weights[i] = weights[i] - train.learning_rate * update
    return weights


@pytest.mark.parametrize("clip_norm", [None, 0.5])
@pytest.mark.parametrize("optimizer", ["lamb", "adamw"])
def test_three_steps_of_the_formulas(optimizer, clip_norm):
    train = dataclasses.replace(TRAIN, optimizer=optimizer, clip_norm=clip_norm)
    generator = np.random.default_rng(0)
    shapes = ((4, 3), (3,), (3,), (5, 2))
    weights = [generator.normal(size=s).astype(np.float32) for s in shapes]
    weights[1][:] = 0  # a bias as it starts: its trust ratio is 1
    gradients = [[generator.normal(size=s).astype(np.float32) for s in shapes] for _ in range(3)]
    variables = [tf.Variable(w, name=name) for w, name in zip(weights, NAMES, strict=True)]
    made = make_optimizer(train)
    build_optimizer(made, variables)
    for gradient in gradients:
        made.apply_gradients(zip(map(tf.constant, gradient), variables, strict=True))
    for got, want in zip(variables, updates(gradients, weights, train), strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=3e-5, atol=3e-6)
    assert int(made.iterations) == 3


@pytest.mark.parametrize("optimizer", ["lamb", "adamw"])
def test_what_is_decayed(optimizer):
    """With no gradient only the decay moves: weights and embeddings, not biases and norms."""
    train = dataclasses.replace(TRAIN, optimizer=optimizer)
    names = (*NAMES, "stem/batch_norm/gamma", "stem/batch_norm/beta", "attention/out_bias/kernel")
    variables = [tf.Variable([1.0, 2.0], name=name) for name in names]
    made = make_optimizer(train)
    made.apply_gradients([(tf.zeros(2), v) for v in variables])
    moved = [bool(v.numpy()[0] < 1.0) for v in variables]
    assert moved == [*DECAYED, False, False, True]


def test_moving_average_warms_up_and_swaps_exactly():
    variable = tf.Variable([0.0, 0.1])
    average = MovingAverage([variable], decay=0.5)
    want = np.array([0.0, 0.1])
    for step in range(1, 20):
        variable.assign_add([1.0, 1 / 3])
        average.update(tf.constant(step))
        decay = min(0.5, (1 + step) / (10 + step))
        want = decay * want + (1 - decay) * variable.numpy()
    np.testing.assert_allclose(average.averages[0], want, rtol=1e-5)
    before = variable.numpy().tobytes(), average.averages[0].numpy().tobytes()
    average.swap()
    assert variable.numpy().tobytes() == before[1]
    average.swap()
    assert (variable.numpy().tobytes(), average.averages[0].numpy().tobytes()) == before


def test_no_average_costs_nothing():
    variable = tf.Variable([1.0])
    average = MovingAverage([variable], decay=0.0)
    average.update(tf.constant(1))
    average.swap()
    assert average.averages == [] and variable.numpy() == 1.0


def test_accumulated_gradients_start_again_and_keep_none():
    sums = Accumulator([tf.Variable([1.0, 2.0]), tf.Variable(3.0)])
    for _ in range(2):
        sums.add([tf.constant([1.0, 5.0]), None])
        sums.add([tf.constant([0.5, 1.0]), None])
        total, none = sums.take()
        np.testing.assert_allclose(total, [1.5, 6.0])
        assert none is None
