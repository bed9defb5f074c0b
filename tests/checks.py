"""What every layer of this package must be able to do, checked from one example call.

    check_layer(lambda: Linear(5), np.ones((2, 3, 4), np.float32))

Conformance says that a layer is a good Keras layer, not that it computes the right thing: that is up to
the layer's own test.
"""

from __future__ import annotations

import collections
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras
from tensorflow.python.eager import context
from tensorflow.python.util._pywrap_util_port import IsMklEnabled

from perceiver_keras.layers.linear import weights_by_path

EXACT = 1e-5  # float32, of the largest magnitude: other orders of summation cost about 1e-6
BFLOAT16 = 0.06  # 8 bits of mantissa through a few layers


def relative_difference(actual: Any, expected: Any) -> float:
    """The largest absolute difference over all tensors, each as a share of its largest magnitude."""
    pairs = zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True)
    worst = 0.0
    for a, e in pairs:
        a, e = np.asarray(a, np.float64), np.asarray(e, np.float64)
        assert a.shape == e.shape, (a.shape, e.shape)
        worst = max(worst, np.abs(a - e).max() / max(np.abs(e).max(), 1e-6))
    return worst


def assert_close(actual: Any, expected: Any, tolerance: float = EXACT) -> None:
    difference = relative_difference(actual, expected)
    assert difference <= tolerance, f"differs by {difference:.2e} of the largest magnitude"


with_onednn = pytest.mark.skipif(not IsMklEnabled(), reason="TensorFlow without oneDNN")


def ops_that_run(function: Callable[..., Any], *args: Any) -> collections.Counter[str]:
    """How many operations of each kind TensorFlow's optimizers leave of a graph."""
    compiled = tf.function(function, autograph=False)
    context.context().enable_graph_collection()
    try:
        compiled(*args)
        told = context.context().export_run_metadata()
    finally:
        context.context().disable_graph_collection()
    nodes = [node for one in told.function_graphs for node in one.post_optimization_graph.node]
    return collections.Counter(node.op for node in nodes)


def check_layer(
    make: Callable[[], keras.layers.Layer],
    inputs: Any,
    folder: Path,
    *,
    call: dict[str, Any] | None = None,
    bfloat16: float = BFLOAT16,
    trains: bool = True,
    random: bool = False,
    batched: bool = True,
    no_gradient: tuple[str, ...] = (),
) -> None:
    """Runs all checks.

    Args:
        make: returns a new layer.
        inputs: one batch of example inputs (arrays, in the structure that the layer takes), two examples at least.
        folder: an empty folder to save into.
        call: further keyword arguments of the call; arrays among them are batched too.
        bfloat16: how far the mixed_bfloat16 outputs may be from the float32 ones.
        trains: False where the layer has no trainable weight.
        batched: False where the outputs have no batch axis.
        no_gradient: words in the names of weights that the layer holds but does not use.
        random: the layer draws random numbers at inference too, so that outputs can't be compared.
    """
    inputs = tf.nest.map_structure(tf.constant, inputs)
    call = {k: tf.constant(v) if isinstance(v, np.ndarray) else v for k, v in (call or {}).items()}
    layer = make()
    expected = layer(inputs, **call)
    check_paths(layer)
    check_config(layer, inputs, call, None if random else expected)
    check_training(layer, inputs, call, trains, no_gradient)
    expected = layer(inputs, **call)
    if not random:
        check_modes(layer, inputs, call, expected)
        if batched:
            check_batches(layer, inputs, call, expected)
    check_saving(layer, inputs, call, None if random else expected, folder)
    check_bfloat16(make, layer, inputs, call, None if random else expected, bfloat16)


def check_paths(layer: keras.layers.Layer) -> None:
    """Every weight has one path of its own, and its variable's name ends with it."""
    weights = weights_by_path(layer)
    assert len(weights) == len(layer.weights), (list(weights), [w.name for w in layer.weights])
    for path, weight in weights.items():
        assert weight.name.split(":")[0].endswith(path), (weight.name, path)


def check_config(layer, inputs, call, expected) -> None:
    """get_config is plain JSON, and a layer made from it, given the weights, is the same layer."""
    config = layer.get_config()
    assert json.loads(json.dumps(config)) is not None
    clones = [
        type(layer).from_config(json.loads(json.dumps(config))),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer)),
    ]
    for clone in clones:
        assert type(clone) is type(layer)
        assert without_build(clone.get_config()) == without_build(config)
        outputs = clone(inputs, **call)
        clone.set_weights(layer.get_weights())
        if expected is not None:
            outputs = clone(inputs, **call)
            assert_close(outputs, expected)


def without_build(config: Any) -> Any:
    """A configuration without the shapes that its parts happened to be built with."""
    if isinstance(config, dict):
        return {k: without_build(v) for k, v in config.items() if k != "build_config"}
    return config


def check_training(layer, inputs, call, trains: bool, no_gradient: tuple[str, ...]) -> None:
    """Some steps of descent lower a loss, and every trainable weight gets a finite gradient."""
    assert bool(layer.trainable_weights) == trains
    weights = [w for w in layer.trainable_weights if not any(x in w.name for x in no_gradient)]
    if not trains:
        return
    rng = np.random.default_rng(0)
    outputs = [o for o in tf.nest.flatten(layer(inputs, **call)) if o.dtype.is_floating]
    targets = [tf.constant(rng.normal(size=o.shape), tf.float32) for o in outputs]
    optimizer = keras.optimizers.legacy.Adam(1e-2)
    mode = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            found = tf.nest.flatten(layer(inputs, **call, **mode))
            found = [o for o in found if o.dtype.is_floating]
            loss = tf.add_n(
                [tf.reduce_mean((a - b) ** 2) for a, b in zip(found, targets, strict=True)]
            )
        gradients = tape.gradient(loss, weights)
        for gradient, weight in zip(gradients, weights, strict=True):
            assert gradient is not None, f"{weight.name} gets no gradient"
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        finite = [tf.reduce_all(tf.math.is_finite(g)) for g in map(tf.convert_to_tensor, gradients)]
        return loss, tf.reduce_all(finite)

    losses = []
    for _ in range(8):
        loss, finite = step()
        assert finite, "a gradient is not finite"
        losses.append(float(loss))
    assert losses[-1] < losses[0], losses


def check_modes(layer, inputs, call, expected) -> None:
    """Eager, graph and XLA give the same numbers."""
    assert_close(tf.function(lambda x: layer(x, **call))(inputs), expected)
    assert_close(tf.function(lambda x: layer(x, **call), jit_compile=True)(inputs), expected)


def check_batches(layer, inputs, call, expected) -> None:
    """Each example alone gives its row of the batch."""
    arrays = {k: v for k, v in call.items() if isinstance(v, tf.Tensor)}
    first = tf.nest.map_structure(lambda x: x[:1], inputs)
    some = {k: v[:1] if k in arrays else v for k, v in call.items()}
    assert_close(layer(first, **some), tf.nest.map_structure(lambda x: x[:1], expected), 2 * EXACT)


def as_model(layer, inputs, call) -> keras.Model:
    """A functional model around one call, for any batch size."""
    arrays = {k: v for k, v in call.items() if isinstance(v, tf.Tensor)}
    rest = {k: v for k, v in call.items() if k not in arrays}
    symbols = tf.nest.map_structure(lambda x: keras.Input(x.shape[1:], dtype=x.dtype), inputs)
    extra = {k: keras.Input(v.shape[1:], dtype=v.dtype, name=k) for k, v in arrays.items()}
    return keras.Model([symbols, extra] if extra else symbols, layer(symbols, **extra, **rest))


def check_saving(layer, inputs, call, expected, folder: Path) -> None:
    """Symbolic equals eager; weights, whole model and SavedModel come back with the same outputs."""
    model = as_model(layer, inputs, call)
    arrays = {k: v for k, v in call.items() if isinstance(v, tf.Tensor)}
    feed = [inputs, arrays] if arrays else inputs
    random = expected is None
    if not random:
        assert_close(model(feed), expected)
    model.save_weights(folder / "layer.weights.h5")
    fresh = as_model(type(layer).from_config(layer.get_config()), inputs, call)
    fresh.load_weights(folder / "layer.weights.h5")
    for a, b in zip(fresh.weights, model.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    model.save(folder / "layer.keras")
    loaded = keras.models.load_model(folder / "layer.keras")
    model.export(str(folder / "exported"))
    served = tf.saved_model.load(str(folder / "exported"))
    if not random:
        assert_close(fresh(feed), expected)
        assert_close(loaded(feed), expected)
        flat = tf.nest.flatten(feed)
        assert_close(served.serve(flat if len(flat) > 1 else flat[0]), expected)


def check_bfloat16(make, layer, inputs, call, expected, tolerance: float) -> None:
    """Under mixed_bfloat16 the weights stay float32 and the outputs are near."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = make()
        mixed(inputs, **call)
        mixed.set_weights(layer.get_weights())
        outputs = mixed(inputs, **call)
    finally:
        keras.mixed_precision.set_global_policy(before)
    for weight in mixed.trainable_weights:
        assert weight.dtype == tf.float32, (weight.name, weight.dtype)
    outputs = tf.nest.map_structure(lambda x: tf.cast(x, tf.float32), outputs)
    for output in tf.nest.flatten(outputs):
        assert np.isfinite(output).all()
    if expected is not None:
        expected = tf.nest.map_structure(lambda x: tf.cast(x, tf.float32), expected)
        assert_close(outputs, expected, tolerance)
