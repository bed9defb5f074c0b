"""A GLUE model of 24 bytes, and requests to it: shared by the tests of this folder."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.glue import task_named
from perceiver_keras.tasks.glue import TASK
from perceiver_keras.tasks.glue.presets import PRESETS, GlueTaskConfig

CONFIG = override(
    PRESETS["tiny"].config,
    *("model.channels=8", "model.query_dim=8", "model.length=24"),
    *("model.encode.num_latents=4", "model.encode.latent_dim=16", "model.encode.qk_dim=8"),
    *("model.encode.v_dim=8", "model.process.num_self_attention_layers=1"),
    *("model.decode.qk_dim=8", "model.decode.v_dim=8"),
)


def model_of(config: GlueTaskConfig) -> Any:
    keras.utils.set_random_seed(1)
    model = TASK.build(config).build_all()
    model.task_config = config
    return model


@functools.cache
def small_model() -> Any:
    return model_of(CONFIG)


def ask(model: Any, *requests: tuple) -> dict[str, np.ndarray]:
    """(task, sentence, sentence) each, as `serve` answers them."""
    raw = TASK.asking.pack([(task.encode(), *texts) for task, *texts in requests])
    outputs = TASK.serving.serve(model, raw, model.task_config, None)
    return {key: value.numpy() for key, value in outputs.items()}


def batch(rows: list[tuple]) -> tuple[tf.Tensor, tf.Tensor]:
    """(task, label, outputs) each, to targets and outputs as the model gives them."""
    numbers = [task_named(task).number for task, *_ in rows]
    pairs = list(zip(numbers, rows, strict=True))
    targets = [[n, label, place] for place, (n, (_, label, _)) in enumerate(pairs)]
    outputs = [[n, *values] for n, (_, _, values) in pairs]
    return tf.constant(targets, tf.float32), tf.constant(outputs, tf.float32)
