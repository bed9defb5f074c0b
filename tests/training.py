"""A task that trains in seconds, for the tests of training; as a program, a run that a test may kill.

`python tests/training.py STATE_DIR OUT [key=value ...]` trains and writes OUT/weights.npz and OUT/told.json.
"""

from __future__ import annotations

import dataclasses
import json
import sys
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
    override,
)
from perceiver_keras.layers.dropout import Dropout
from perceiver_keras.layers.normalization import LayerNorm
from perceiver_keras.loss import SparseCrossEntropy
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


def train_batches(config: TaskConfig, noise: float = 0.1) -> tf.data.Dataset:
    """Endless shuffled batches with stateless noise: (inputs [B, CHANNELS], labels [B])."""

    def prepare(index: tf.Tensor, example: tuple[tf.Tensor, tf.Tensor]):
        seed = tf.stack([tf.constant(config.train.seed, tf.int64), index])
        value = example[0] + noise * tf.random.stateless_normal([CHANNELS], seed)
        return value, example[1]

    dataset = tf.data.Dataset.from_tensor_slices(points(96)).shuffle(96, seed=3).repeat()
    dataset = dataset.enumerate().map(prepare, num_parallel_calls=2, deterministic=True)
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
    **{
        field.name: _unused
        for field in dataclasses.fields(Task)
        if field.default is dataclasses.MISSING
    }
    | {
        "name": "points",
        "summary": "Points to classes.",
        "model_class": Classifier,
        "presets": {},
        "loss": lambda config: SparseCrossEntropy(config.train.label_smoothing),
        "metrics": lambda config: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        "show": picture,
    }
)


def train(config: TaskConfig, state_dir: Any, **options: Any) -> Trained:
    batches = options.pop("train", None) or train_batches(config)
    validation = options.pop("validation", validation_batches())
    return fit(TASK, config, batches, validation, state_dir=state_dir, **options)


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    return {f"{i} {v.name}": v.numpy() for i, v in enumerate(model.weights)}


def main(state_dir: str, out: str, *assignments: str) -> None:
    trained = train(override(CONFIG, *assignments), state_dir)
    Path(out).mkdir(parents=True, exist_ok=True)
    np.savez(Path(out, "weights.npz"), **weights(trained.model))
    told = {"history": trained.history, "best": trained.best, "resumed_from": trained.resumed_from}
    Path(out, "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
