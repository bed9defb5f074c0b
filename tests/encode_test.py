from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import EncodeConfig
from perceiver_keras.encode import Encode
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.layers.recompute import recomputing
from tests.checks import assert_close


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def test_latents_are_small_and_the_sizes_are_the_configurations():
    layer = Encode(EncodeConfig(num_latents=50, latent_dim=16))
    latents, weights = layer(random(2, 9, 6), return_attention=True)
    assert latents.shape == (2, 50, 16)
    assert weights.shape == (2, 1, 50, 9)
    start = weights_by_path(layer)["latents"].numpy()
    assert np.abs(start).max() <= 0.04 + 1e-6  # truncated at two deviations
    assert 0.016 < start.std() < 0.02


def test_masked_inputs_do_not_matter():
    x = random(2, 9, 6)
    mask = np.arange(9)[None] < np.array([[5], [9]])
    layer = Encode(EncodeConfig(num_latents=4, latent_dim=8))
    first = layer(x, key_mask=mask)
    changed = np.where(mask[:, :, None], x, 7.0)
    assert_close(layer(changed, key_mask=mask), first)
    assert_close(layer(x[:1, :5])[0], first[0])
    assert np.abs(layer(changed) - first).max() > 1e-3


def test_an_input_without_any_visible_element_gives_finite_latents():
    layer = Encode(EncodeConfig(num_latents=4, latent_dim=8))
    latents = layer(random(1, 9, 6), key_mask=np.zeros((1, 9), bool))
    assert np.isfinite(latents).all()


def test_any_number_of_inputs():
    """One layer takes every length, and so does one trace with an unknown length."""
    layer = Encode(EncodeConfig(num_latents=4, latent_dim=8))
    traced = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 6), tf.float32)])
    for length in (1, 7, 300):
        x = random(2, length, 6)
        assert_close(traced(x), layer(x))


def test_permuting_the_inputs_changes_nothing():
    x = random(1, 9, 6)
    layer = Encode(EncodeConfig(num_latents=4, latent_dim=8))
    assert_close(layer(x[:, ::-1]), layer(x))


@pytest.mark.parametrize("value", [{"num_latents": 4, "latent_dim": 8}])
def test_plain_configuration(value):
    assert Encode(value).config == EncodeConfig(**value)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_recomputing_changes_no_gradient(jit):
    """With as many inputs as are read in chunks, and some of them masked."""
    x = tf.constant(random(2, 9000, 6))
    mask = np.arange(9000)[None] < np.array([[5000], [9000]])
    layer = Encode(EncodeConfig(num_latents=40, latent_dim=8), attention_memory_mb=1)
    layer(x[:, :9])

    def gradients(on: bool):
        @tf.function(jit_compile=jit)
        def run(x):
            with tf.GradientTape() as tape, recomputing(on):
                tape.watch(x)
                loss = tf.reduce_sum(tf.sin(layer(x, key_mask=mask, training=True)))
            return tape.gradient(loss, [x, *layer.trainable_weights])

        return run(x)

    expected, found = gradients(False), gradients(True)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-6 * max(np.abs(one).max(), 1e-3))
