"""One call of the graph, against gradients and updates taken one by one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.tasks import registry
from perceiver_keras.training.optimizer import build_optimizer, make_optimizer
from perceiver_keras.training.step import TrainStep, build_model
from tests.tiny_training import CHANNELS, CONFIG, TASK, points, train_batches

PLAIN = ("model.process.dropout=0.0", "train.optimizer=adamw", "train.clip_norm=null")


def new_step(*assignments: str) -> tuple[TrainStep, keras.Model, tf.data.Dataset]:
    config = override(CONFIG, *PLAIN, *assignments)
    keras.utils.set_random_seed(0)
    model = TASK.build(config)
    build_model(model, tf.TensorSpec([None, CHANNELS]))
    step = TrainStep(TASK, config, model, tf.distribute.get_strategy())
    return step, model, train_batches(config)


def test_three_steps_in_one_call_are_three_updates():
    step, model, data = new_step()
    config = override(CONFIG, *PLAIN)
    optimizer = make_optimizer(config.train)
    start = [tf.Variable(v, name=v.name.split(":")[0]) for v in model.trainable_variables]
    build_optimizer(optimizer, start)
    keras.utils.set_random_seed(0)
    twin = TASK.build(config)
    build_model(twin, tf.TensorSpec([None, CHANNELS]))
    losses = []
    for inputs, targets in data.take(3):
        for weight, value in zip(twin.trainable_variables, start, strict=True):
            weight.assign(value)
        with tf.GradientTape() as tape:
            logits = twin(inputs, training=True)
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
            )
        losses.append(float(loss))
        gradients = tape.gradient(loss, twin.trainable_variables)
        optimizer.apply_gradients(zip(gradients, start, strict=True))
    step.run(iter(data), tf.constant(3))
    for ours, theirs in zip(model.trainable_variables, start, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert float(step.metrics[0].result()) == pytest.approx(np.mean(losses), rel=1e-5)
    assert int(step.bad.read_value()) == -1


def test_the_first_bad_step_is_remembered():
    step, _, _ = new_step()
    values, labels = points(16)

    def poisoned(number):
        return tf.where(number == 2, np.nan, 1.0) * values, labels

    batches = iter(tf.data.Dataset.range(9).map(poisoned))
    step.run(batches, tf.constant(2))
    assert int(step.bad.read_value()) == -1
    step.run(batches, tf.constant(3))
    assert int(step.bad.read_value()) == 2


def test_building_makes_every_weight_and_no_numbers():
    model = TASK.build(CONFIG)
    assert not model.built
    build_model(model, tf.TensorSpec([None, CHANNELS]))
    shapes = [tuple(weight.shape) for weight in model.trainable_weights]
    assert shapes == [(8, 16), (16,), (16,), (16,), (16, 3), (3,)]


def test_recomputing_trains_the_same_with_dropout_and_accumulation():
    task = registry.get("image_classification")
    weights = []
    for on in ("false", "true"):
        config = override(
            task.preset("tiny").config, "model.process.dropout=0.2", "model.encode.dropout=0.2",
            "data.batch_size=4", "train.gradient_accumulation=2", f"train.recompute={on}",
            "train.optimizer=adamw", "train.epsilon=1e-3",
            "model.process.num_self_attention_layers=1", "train.ema_decay=0",
        )  # fmt: skip
        keras.utils.set_random_seed(0)
        model = task.build(config)
        rng = np.random.default_rng(0)
        batch = rng.random((4, 8, 8, 1)).astype(np.float32), rng.integers(0, 10, 4)
        build_model(model, tf.TensorSpec(batch[0].shape))
        step = TrainStep(task, config, model, tf.distribute.get_strategy())
        step.run(iter(tf.data.Dataset.from_tensors(batch).repeat()), tf.constant(2))
        weights.append(model.get_weights())
    for kept, again in zip(*weights, strict=True):
        np.testing.assert_allclose(again, kept, rtol=1e-5, atol=1e-7)
