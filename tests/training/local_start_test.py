"""Before training, a model that starts local attends to near positions, and each query to the latents near it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.tasks import registry
from perceiver_keras.training.local_start import QUERY, sinusoids, start_local
from perceiver_keras.training.warm_start import start_from

LENGTH, LATENTS = 32, 16


def small(name, *more):
    task = registry.get(name)
    config = override(
        task.presets["tiny"].config,
        f"model.length={LENGTH}",
        f"model.encode.num_latents={LATENTS}",
        "model.process.num_self_attention_layers=1",
        *more,
    )
    return task.build(config).build_all()


def misses(weights, rows):
    """How far, in places, the middle of what each row sees is from the row's own spot: median over rows."""
    seen = tf.reduce_mean(weights, axis=(0, 1)).numpy()
    assert seen.shape[0] == rows
    sharp = seen**8  # the middle of its peak, whatever it sees a little of
    spots = np.arange(seen.shape[1]) * (LENGTH / seen.shape[1])
    middles = (sharp * spots).sum(1) / sharp.sum(1)
    return float(np.median(np.abs(middles - np.arange(rows) * (LENGTH / rows))))


def attention(model):
    """Weights of the encoder [B, H, N, M] and the decoder [B, H, O, N] on random bytes."""
    ids = tf.random.stateless_uniform([4, LENGTH], [1, 2], 6, 262, tf.int32)
    mask = tf.ones([4, LENGTH], tf.bool)
    array = model.preprocess(ids)
    latents, encoder = model.encode(array, key_mask=mask, return_attention=True)
    queries = model.query(array)
    return encoder, model.decode((queries, latents), return_attention=True)[1]


def test_each_row_sees_its_own_place():
    model = small("language_mlm")
    encoder, decoder = attention(model)
    assert misses(encoder, LATENTS) > 4 and misses(decoder, LENGTH) > 4  # a quarter is chance
    start_from(model, "local")
    encoder, decoder = attention(model)
    assert misses(encoder, LATENTS) < 1.5
    assert misses(decoder, LENGTH) < 1.5


def test_sinusoids_are_alike_by_distance_alone():
    waves = sinusoids(24, 64, 24).astype(np.float64)
    alike = waves @ waves.T / 64
    lengths = 2.0 * 100 ** (np.arange(32) / 31)
    for row in range(24):
        for column in range(24):
            expected = np.cos(2 * np.pi * (row - column) / lengths).mean()
            assert alike[row, column] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose((waves**2).mean(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(sinusoids(12, 64, 24), sinusoids(24, 64, 24)[::2])


def test_queries_of_tasks_stay():
    model = small("glue")
    before = {path: weight.numpy() for path, weight in weights_by_path(model).items()}
    start_local(model)
    after = weights_by_path(model)
    np.testing.assert_array_equal(before[QUERY], after[QUERY])
    for path in before:
        if path.startswith(("process", "decode", "postprocess")):
            np.testing.assert_array_equal(before[path], after[path], path)


def test_widths_may_differ():
    model = small("language_mlm", "model.channels=64", "model.query_dim=64")
    start_local(model)
    encoder, decoder = attention(model)
    assert misses(encoder, LATENTS) < 1.5
    assert misses(decoder, LENGTH) < 1.5


def test_models_without_it_are_told_why():
    task = registry.get("image_classification")
    model = task.build(task.presets["tiny"].config).build_all()
    with pytest.raises(
        PerceiverError, match="sequences of tokens; the model has no preprocess/embed"
    ):
        start_local(model)
