"""The Transformer baseline: the textbook's numbers, in every task that takes it, and refused where it can't be."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.baselines.transformer import MOST_INPUTS, TransformerProcess
from perceiver_keras.config import TransformerConfig
from perceiver_keras.config_tree import from_dict, override, to_dict
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.layers.recompute import recomputing
from perceiver_keras.tasks import registry
from perceiver_keras.training.run_settings import run_settings

SMALL = (
    "model.backbone=transformer",
    "model.transformer.num_layers=2",
    "model.transformer.width=16",
    "model.transformer.num_heads=2",
)
TAKING = (
    "glue",
    "image_classification",
    "language_mlm",
    "starcraft_entities",
    "text_classification",
    "token_classification",
)
SEED = tf.constant([1, 2], tf.int32)


def normed(x, scale, offset):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale + offset


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def textbook(x, mask, w, layers, heads):
    """A pre-norm encoder of one sequence [S, D] in NumPy, float64; w: the weights by path."""

    def dense(value, name):
        return value @ w[f"{name}/kernel"] + w[f"{name}/bias"]

    for i in range(layers):
        p = f"self_attention_{i}"
        n = normed(x, w[f"{p}/norm/scale"], w[f"{p}/norm/offset"])
        q, k, v = (
            dense(n, f"{p}/attention/{name}").reshape(len(x), heads, -1)
            for name in ("query", "key", "value")
        )
        logits = np.einsum("qhc,khc->hqk", q, k) / np.sqrt(q.shape[-1])
        shares = np.exp(np.where(mask, logits, -np.inf))
        shares /= shares.sum(-1, keepdims=True)
        attended = np.einsum("hqk,khc->qhc", shares, v).reshape(len(x), -1)
        x = x + dense(attended, f"{p}/attention/out")
        n = normed(x, w[f"{p}/mlp_norm/scale"], w[f"{p}/mlp_norm/offset"])
        x = x + dense(gelu(dense(n, f"{p}/mlp/expand")), f"{p}/mlp/contract")
    return normed(x, w["norm/scale"], w["norm/offset"])


def test_it_is_the_textbook_s_encoder():
    config = TransformerConfig(num_layers=2, width=12, num_heads=3, widening_factor=4)
    layer = TransformerProcess(config)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2, 7, 12)).astype(np.float32)
    mask = np.array([[True] * 7, [True] * 4 + [False] * 3])
    layer(x)
    for weight in layer.weights:
        weight.assign(weight + draw.normal(size=weight.shape, scale=0.1))
    weights = {path: w.numpy().astype(np.float64) for path, w in weights_by_path(layer).items()}
    found = layer(x, key_mask=tf.constant(mask)).numpy()
    for row in range(2):
        expected = textbook(x[row].astype(np.float64), mask[row], weights, 2, 3)
        np.testing.assert_allclose(found[row], expected, atol=2e-5)
    with recomputing():
        again = layer(x, key_mask=tf.constant(mask), training=True).numpy()
    np.testing.assert_allclose(again, found, atol=1e-5)


@pytest.fixture(scope="module", params=TAKING)
def subject(request):
    task = registry.get(request.param)
    config = override(task.presets["tiny"].config, *SMALL)
    builder = source.open_builder(config.data.dataset)
    records = source.take(source.builder_records(builder, config.data.test_split), 4)
    spec = task.examples.spec(config)
    examples = [
        task.examples.prepare(tf.io.parse_single_example(record, spec), config, False, SEED)
        for record in records
    ]
    inputs, targets = tf.nest.map_structure(lambda *parts: tf.stack(parts), *examples)
    keras.utils.set_random_seed(3)
    return task, config, task.build(config).build_all(), inputs, targets


def close(found, expected, tolerance=1e-5):
    for x, y in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(x, y, atol=tolerance * max(np.abs(y).max(), 1e-30))


def test_every_task_has_it_under_the_same_contract(subject, tmp_path):
    task, config, model, inputs, targets = subject
    outputs = model(inputs)
    assert not any("latents" in path for path in weights_by_path(model))
    close(tf.function(model)(inputs), outputs)
    close(model(tf.nest.map_structure(lambda t: t[:1], inputs)),
          tf.nest.map_structure(lambda t: t[:1], outputs))  # fmt: skip
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert again.config == config.model
    model.save(str(tmp_path / "model.keras"))
    close(keras.models.load_model(str(tmp_path / "model.keras"))(inputs), outputs, 0)
    loss = task.measures.loss(config)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(loss(targets, model(inputs, training=True)))
    gradients = tape.gradient(value, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert any(np.abs(tf.convert_to_tensor(gradient)).max() > 0 for gradient in gradients)
    assert task.asking.report(model, inputs, targets, config, None)


def test_what_is_masked_is_not_seen(subject):
    task, config, model, inputs, _ = subject
    if not isinstance(inputs, dict):
        return  # pictures have no padding
    name = "ids" if "ids" in inputs else "entities"
    places = inputs[name].shape[1]
    mask = tf.cast(tf.sequence_mask([places // 2] * 4, places), inputs["mask"].dtype)
    seen = (
        tf.cast(mask, tf.bool)
        if inputs[name].shape.rank == 2
        else tf.cast(mask, tf.bool)[..., None]
    )
    other = tf.where(seen, inputs[name], tf.ones_like(inputs[name]) * 7)
    half = {**inputs, "mask": mask}

    def visible(outputs):
        found = []
        for value in tf.nest.flatten(outputs):
            per_place = value.shape.rank > 1 and value.shape[1] == places
            found.append(value[:, : places // 2] if per_place else value)
        return found

    close(visible(model({**half, name: other})), visible(model(half)))


def test_tasks_with_too_many_inputs_refuse_it():
    for name in set(registry.names()) - set(TAKING):
        task = registry.get(name)
        with pytest.raises(UsageError, match=f"{name} has no Transformer.*backbone=perceiver"):
            task.build(override(task.presets["tiny"].config, *SMALL))
    task = registry.get("image_classification")
    config = override(task.presets["tiny"].config, *SMALL, "model.image_size=[256,256]")
    model, picture = task.build(config), tf.zeros([1, 256, 256, 1])
    for call in (model, tf.function(lambda x: model(x, training=False))):
        with pytest.raises(
            UsageError, match=f"16,384 inputs per example.*at most {MOST_INPUTS:,}"
        ) as error:
            call(picture)
        assert "\n" not in str(error.value)


def test_settings_from_before_there_was_a_choice_are_a_perceiver():
    task = registry.get("language_mlm")
    config = task.presets["tiny"].config
    old = to_dict(config)
    del old["model"]["backbone"], old["model"]["transformer"]
    assert from_dict(type(config), old).model.backbone == "perceiver"
    settings = run_settings(task, config)
    assert not any("transformer" in key or "backbone" in key for key in settings)
    chosen = run_settings(task, override(config, *SMALL))
    assert chosen["model.backbone"] == "transformer" and chosen["model.transformer.width"] == 16


def test_the_language_model_s_weights_start_glue_s():
    mlm, glue = registry.get("language_mlm"), registry.get("glue")
    from perceiver_keras.tasks import transfer

    start = mlm.build(override(mlm.presets["tiny"].config, *SMALL)).build_all()
    model = glue.build(override(glue.presets["tiny"].config, *SMALL)).build_all()
    taken = transfer.plan(transfer.Start.of(start, "mlm"), model)
    assert "process/self_attention_1/mlp/expand/kernel" in taken.arrays
    assert "decode/projection/kernel" in taken.arrays
    assert all(line.startswith(("query/", "postprocess/")) for line in taken.new)


def test_a_local_start_looks_at_its_own_place():
    from perceiver_keras.training.local_start import start_local

    task = registry.get("language_mlm")
    config = override(task.presets["tiny"].config, *SMALL[:2], "model.transformer.width=64")
    model = task.build(config).build_all()
    assert "first layer" in start_local(model)
    ids = tf.random.stateless_uniform([2, 64], [1, 2], 6, 262, tf.int32)
    _, maps = model(ids, return_attention=True)
    own = tf.reduce_mean(tf.linalg.diag_part(maps["process"][0])).numpy()
    assert own > 3 / 64  # chance is 1/64
