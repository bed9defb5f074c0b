"""The released model at a tiny size, with random weights, and frames for it: what several tests here share."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf
from tensorflow import keras

import perceiver_keras as pk

TILE = (12, 16)
SIZES = [(12, 16), (21, 30), (5, 40), (3, 2)]  # a tile, several, smaller on one side, on both
RNG = np.random.default_rng(5)


@functools.cache
def small_model() -> pk.OpticalFlow:
    keras.utils.set_random_seed(0)
    made = pk.OpticalFlow.from_preset(
        "optical_flow",
        image_size=TILE,
        position__num_bands=4,
        position__max_resolution=TILE,
        encode__num_latents=6,
        encode__latent_dim=32,
        process__num_self_attention_layers=1,
        process__num_self_attention_heads=2,
    )
    for variable in made.trainable_variables:  # the official head begins at zero
        variable.assign_add(tf.random.normal(variable.shape, stddev=0.1))
    return made


def pixels(height: int, width: int) -> np.ndarray:
    """A random frame, uint8 [height, width, 3]."""
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array: np.ndarray) -> bytes:
    return tf.io.encode_png(array).numpy()
