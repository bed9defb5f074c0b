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


class Letters(keras.Model):
    """Letters [B, M] to classes: the mean of their embeddings, and Dense."""

    def __init__(self, config):
        super().__init__(name="letters")
        self.table = self.add_weight(name="embeddings", shape=(5, 4))
        self.head = keras.layers.Dense(3, name="contract")

    def call(self, letters, training=None):
        return self.head(tf.reduce_mean(tf.gather(self.table, letters), axis=1))


def test_clipping_measures_the_sum_of_an_embeddings_gradients():
    """A letter that occurs often has many gradients; their sum is clipped, not each. Against NumPy."""
    config = override(
        CONFIG, *PLAIN, "train.clip_norm=0.01", "train.epsilon=1.0", "train.learning_rate=1.0",
        "train.warmup_steps=0", "train.schedule=constant", "train.weight_decay=0.0",
    )  # fmt: skip
    keras.utils.set_random_seed(0)
    model = Letters(config.model)
    letters, classes = np.array([[1, 1, 1, 1, 2], [1, 3, 1, 1, 1]]), np.array([0, 1])
    build_model(model, tf.TensorSpec([2, 5], tf.int64))
    variables = (model.table, *model.head.weights)
    table, kernel, bias = start = [variable.numpy() for variable in variables]

    counts = np.stack([np.bincount(row, minlength=5) for row in letters]) / 5
    hidden = counts @ table
    logits = hidden @ kernel + bias
    exp = np.exp(logits - logits.max(1, keepdims=True))
    error = (exp / exp.sum(1, keepdims=True) - np.eye(3)[classes]) / 2
    found = [counts.T @ (error @ kernel.T), hidden.T @ error, error.sum(0)]
    norm = np.sqrt(sum(np.square(gradient).sum() for gradient in found))
    assert norm > 0.1  # so that it is clipped

    step = TrainStep(TASK, config, model, tf.distribute.get_strategy())
    data = iter(tf.data.Dataset.from_tensors((letters, classes)).repeat())
    step.run(data, tf.constant(1))
    for before, variable, gradient in zip(start, variables, found, strict=True):
        gradient = gradient * 0.01 / norm
        expected = -gradient / (np.abs(gradient) + 1.0 / np.sqrt(1 - 0.999))  # Adam's first step
        np.testing.assert_allclose(variable - before, expected, rtol=2e-3, atol=6e-8)

    library = step.run.get_concrete_function(data, tf.constant(1)).graph.as_graph_def().library
    operations = {node.op for function in library.function for node in function.node_def}
    assert "UnsortedSegmentSum" in operations and "Unique" not in operations
