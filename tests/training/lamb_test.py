"""LAMB against TensorFlow Addons' where that can be had, and against the paper's formulas in NumPy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras import stack
from perceiver_keras.config import TrainConfig
from perceiver_keras.training import optimizer as optimizers
from perceiver_keras.training.lamb import LAMB

TRAIN = TrainConfig(
    steps=100,
    learning_rate=0.05,
    warmup_steps=10,
    optimizer="lamb",
    weight_decay=0.1,
    clip_norm=3.0,
)
SHAPES = {
    "attention/query/kernel": (6, 5),
    "attention/query/bias": (5,),
    "norm/scale": (6,),
    "latents/embeddings": (7, 6),
}


def variables() -> list[tf.Variable]:
    generator = np.random.default_rng(0)
    made = [
        tf.Variable(generator.normal(size=shape).astype(np.float32), name=name)
        for name, shape in SHAPES.items()
    ]
    made[1].assign(tf.zeros_like(made[1]))  # a bias as it starts
    return made


def gradients(step: int) -> list[tf.Tensor | tf.IndexedSlices]:
    """The last one has rows only, one of them twice, as an embedding's has."""
    generator = np.random.default_rng(step)
    *dense, rows = [generator.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]
    indices = tf.constant([1, 4, 1], tf.int64)
    return [
        *map(tf.constant, dense),
        tf.IndexedSlices(tf.constant(rows[:3]), indices, tf.constant([7, 6])),
    ]


def train(optimizer, weights, first: int, last: int) -> None:
    for step in range(first, last):
        optimizer.apply_gradients(zip(gradients(step), weights, strict=True))


def ours(monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(stack, "addons", lambda: None)
        made = optimizers.make_optimizer(TRAIN)
    assert isinstance(made, LAMB)
    return made


def theirs():
    if stack.addons() is None:
        pytest.skip("TensorFlow Addons has no wheel for this stack")
    made = optimizers.make_optimizer(TRAIN)
    assert type(made).__module__.startswith("tensorflow_addons")
    return made


def assert_same(found, expected) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6, atol=1e-6)


def test_a_hundred_steps_are_those_of_addons(monkeypatch) -> None:
    results = []
    for optimizer in (theirs(), ours(monkeypatch)):
        weights = variables()
        train(optimizer, weights, 0, 100)
        results.append(weights)
    assert_same(*results)
    assert np.abs(results[0][0] - variables()[0]).max() > 0.1


@pytest.mark.parametrize("first_is_ours", [True, False])
def test_a_checkpoint_of_either_is_continued_by_the_other(
    monkeypatch, tmp_path: Path, first_is_ours: bool
) -> None:
    makers = [theirs, lambda: ours(monkeypatch)]
    begins, goes_on = reversed(makers) if first_is_ours else makers
    unbroken, whole = begins(), variables()
    train(unbroken, whole, 0, 30)
    optimizer, weights = begins(), variables()
    optimizers.build_optimizer(optimizer, weights)
    train(optimizer, weights, 0, 15)
    path = tf.train.Checkpoint(optimizer=optimizer, weights=weights).write(str(tmp_path / "at"))

    optimizer, weights = goes_on(), variables()
    optimizers.build_optimizer(optimizer, weights)
    restored = tf.train.Checkpoint(optimizer=optimizer, weights=weights).read(path)
    restored.assert_consumed()
    assert int(optimizer.iterations) == 15
    train(optimizer, weights, 15, 30)
    assert_same(weights, whole)


def test_in_a_graph_the_numbers_are_the_same(monkeypatch) -> None:
    eager, weights = ours(monkeypatch), variables()
    train(eager, weights, 0, 3)

    optimizer, in_graph = ours(monkeypatch), variables()
    optimizers.build_optimizer(optimizer, in_graph)

    @tf.function
    def apply(given) -> None:
        optimizer.apply_gradients(zip(given, in_graph, strict=True))

    for step in range(3):
        apply(gradients(step))
    assert_same(in_graph, weights)


def test_zeros_are_not_divided_by(monkeypatch) -> None:
    """A weight of zeros, or one that nothing moves, has the trust ratio 1."""
    plain = dataclasses.replace(TRAIN, weight_decay=0.0, warmup_steps=0, schedule="constant")
    monkeypatch.setattr(stack, "addons", lambda: None)
    optimizer = optimizers.make_optimizer(plain)
    still, zero = tf.Variable([1.0, 2.0], name="a/kernel"), tf.Variable([0.0, 0.0], name="b/kernel")
    optimizer.apply_gradients([(tf.zeros(2), still), (tf.constant([0.3, -0.4]), zero)])
    np.testing.assert_array_equal(still, [1.0, 2.0])
    np.testing.assert_allclose(zero, [-0.05, 0.05], rtol=1e-4)  # Adam's first step


def test_it_is_made_again_from_its_settings(monkeypatch) -> None:
    made = ours(monkeypatch)
    again = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(made))
    assert isinstance(again, LAMB)
    assert again.exclude_from_weight_decay == list(optimizers.NOT_DECAYED)
    one, other = variables(), variables()
    train(made, one, 0, 3)
    train(again, other, 0, 3)
    assert_same(one, other)
