"""A masked language model of 16 bytes, and what it answers in a graph: shared by the tests of this folder."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.tasks.language_mlm import TASK
from perceiver_keras.tasks.language_mlm.presets import PRESETS

SMALL = override(
    PRESETS["tiny"].config,
    "model.length=16",
    "model.channels=8",
    "model.query_dim=8",
    "model.encode.num_latents=4",
    "model.encode.latent_dim=16",
    "model.encode.qk_dim=16",
    "model.encode.v_dim=16",
    "model.process.num_self_attention_layers=1",
    "model.decode.qk_dim=16",
    "model.decode.v_dim=8",
)
TEXTS = [
    b"short [MASK] one",
    b"",
    b"none",
    b"left " * 9 + b"[MASK]" + b" right" * 9 + b"[MASK]",
    "é[MASK]\xff€".encode("latin-1", "replace"),
    b"[MASK]" * 40,
]


@functools.cache
def small_model() -> Any:
    keras.utils.set_random_seed(1)
    found = TASK.build(SMALL).build_all()
    for weight in found.trainable_weights:  # answers that differ from place to place
        weight.assign_add(tf.random.normal(weight.shape, stddev=0.3))
    found.task_config = SMALL
    return found


@functools.cache
def served_graph() -> Any:
    """`serve` in a graph for any number of texts."""
    model = small_model()

    # AutoGraph has nothing to rewrite in this graph, and would take most of the time.
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")], autograph=False)
    def graph(text: tf.Tensor) -> dict[str, tf.Tensor]:
        return TASK.serving.serve(model, {"text": text}, SMALL, None)

    return graph


@functools.cache
def served() -> dict[str, np.ndarray]:
    """What `serve` makes of `TEXTS`."""
    return {name: value.numpy() for name, value in served_graph()(tf.constant(TEXTS)).items()}
