"""A task that trains in seconds, for the tests of training, and processes of it that a test may kill."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import (
    DataConfig,
    DecodeConfig,
    EncodeConfig,
    EvaluateConfig,
    PerceiverConfig,
    ProcessConfig,
    TaskConfig,
    TrainConfig,
)
from perceiver_keras.config_tree import override
from perceiver_keras.layers.dropout import Dropout
from perceiver_keras.layers.normalization import LayerNorm
from perceiver_keras.loss import SparseCrossEntropy
from perceiver_keras.tasks.contract.asking import Asking
from perceiver_keras.tasks.contract.examples import Examples
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.task import Task
from perceiver_keras.train import Trained, fit

CLASSES, CHANNELS = 3, 8


class Classifier(keras.Model):
    """Points to classes: Linear, norm, dropout, Linear. Enough to have every kind of state."""

    def __init__(self, config: PerceiverConfig):
        super().__init__(name="classifier")
        self.expand = keras.layers.Dense(16, activation="relu", name="expand")
        self.norm = LayerNorm(name="norm")
        self.dropout = Dropout(config.process.dropout, name="dropout")
        self.contract = keras.layers.Dense(CLASSES, name="contract")

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        hidden = self.dropout(self.norm(self.expand(inputs)), training=training)
        return tf.cast(self.contract(hidden), tf.float32)


CONFIG = TaskConfig(
    data=DataConfig(dataset="points", batch_size=16),
    model=PerceiverConfig(
        encode=EncodeConfig(num_latents=1, latent_dim=1),
        process=ProcessConfig(num_self_attention_layers=1, num_self_attention_heads=1, dropout=0.1),
        decode=DecodeConfig(),
    ),
    train=TrainConfig(
        steps=40,
        learning_rate=0.02,
        warmup_steps=5,
        clip_norm=1.0,
        weight_decay=0.01,
        ema_decay=0.9,
        log_every=7,
        evaluate_every=10,
        checkpoint_every=5,
        deterministic=True,
    ),
    evaluate=EvaluateConfig(thresholds={"accuracy": 0.5}),
)


def points(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds: float32 [count, CHANNELS], classes int64 [count]."""
    generator = np.random.default_rng(1)
    labels = np.arange(count) % CLASSES
    centres = generator.normal(size=(CLASSES, CHANNELS))
    values = centres[labels] + 0.5 * generator.normal(size=(count, CHANNELS))
    return values.astype(np.float32), labels.astype(np.int64)


def train_batches(config: TaskConfig, noise: float = 0.1, count: int = 96) -> tf.data.Dataset:
    """Endless shuffled batches with noise, all stateless: (inputs [B, CHANNELS], labels [B])."""
    values, labels = map(tf.constant, points(count))
    run_seed = tf.constant(config.train.seed, tf.int64)

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), tf.stack([run_seed, epoch]), alg="philox"
        )
        return tf.data.Dataset.from_tensor_slices(order)

    def prepare(number: tf.Tensor, index: tf.Tensor):
        draw = tf.random.stateless_normal([CHANNELS], tf.stack([run_seed, number]), alg="philox")
        return values[index] + noise * draw, labels[index]

    dataset = tf.data.Dataset.range(1 << 40).flat_map(epoch_of).enumerate()
    dataset = dataset.map(prepare, num_parallel_calls=2, deterministic=True)
    return dataset.batch(config.data.batch_size, drop_remainder=True).prefetch(2)


def validation_batches(count: int = 50) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(points(count)).batch(16)


def picture(model: Any, inputs: Any, targets: Any, config: Any, labels: Any) -> dict[str, Any]:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(2, 2))
    axes.bar(range(CLASSES), model(inputs[:1], training=False)[0])
    return {"Logits": figure}


def _unused(*_: Any) -> Any:
    raise AssertionError("training does not call this")


TASK = Task(
    name="points",
    summary="Points to classes.",
    model=Classifier,
    presets={},
    examples=Examples(
        spec=_unused, label_key=None, check=_unused, check_dataset=_unused, prepare=_unused
    ),
    measures=Measures(
        loss=lambda config: SparseCrossEntropy(config.train.label_smoothing),
        metrics=lambda config: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        columns=_unused,
        column_metrics=_unused,
        baseline=_unused,
    ),
    serving=Serving(spec=_unused, serve=_unused, respond=_unused),
    asking=Asking(pack=_unused, answers=_unused, report=picture),
)


def train(config: TaskConfig, state_dir: Any, **options: Any) -> Trained:
    batches = options.pop("train", None) or train_batches(config)
    validation = options.pop("validation", validation_batches())
    return fit(TASK, config, batches, validation, state_dir=state_dir, **options)


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    return {f"{i} {v.name}": v.numpy() for i, v in enumerate(model.weights)}


def run(state_dir: str, out: str, *assignments: str) -> None:
    """Trains and writes `out`/weights.npz and `out`/told.json; all that is said goes to `out`/said."""
    Path(out).mkdir(parents=True, exist_ok=True)
    with open(Path(out, "said"), "a") as said:
        os.dup2(said.fileno(), 2)
    trained = train(override(CONFIG, *assignments), state_dir)
    np.savez(Path(out, "weights.npz"), **weights(trained.model))
    told = {"history": trained.history, "best": trained.best, "resumed_from": trained.resumed_from}
    Path(out, "told.json").write_text(json.dumps(told))


# A process that has imported TensorFlow once, and runs nothing, gives birth to those that tests kill.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.tiny_training"])
