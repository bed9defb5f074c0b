"""A Perceiver IO for one's own arrays: the same as its stages put together by hand, for arrays of any rank."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow import keras

import perceiver_keras as pk
from perceiver_keras.config import (
    DecodeConfig,
    EncodeConfig,
    FourierPosition,
    LearnedPosition,
    PixelStem,
    ProcessConfig,
)
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.errors import UsageError
from perceiver_keras.perceiver import Perceiver
from perceiver_keras.perceiver_io import PerceiverIO
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from tests.checks import assert_close

SMALL = {"num_latents": 4, "latent_dim": 8, "depth": 1}
KINDS: tuple[Any, ...] = (None, 3, "inputs", "positions", "given")


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model_of(**arguments: Any) -> PerceiverIO:
    return pk.PerceiverIO(**SMALL | {"output_dim": 5} | arguments)


def test_it_is_the_composition_of_the_stages():
    """The pictures' preprocessing and the classifier's postprocessing are other layers than its own."""
    pictures = array(2, 5, 6, 3)
    model = model_of(depth=2, num_blocks=2, num_self_attention_heads=4)
    cross = {"num_cross_attention_heads": 1, "qk_dim": 8}
    by_hand = Perceiver(
        preprocess=ImagePreprocess(stem=PixelStem(), position=FourierPosition(num_bands=16)),
        encode=Encode(EncodeConfig(num_latents=4, latent_dim=8, **cross)),
        process=Process(
            ProcessConfig(num_self_attention_layers=2, num_self_attention_heads=4, num_blocks=2)
        ),
        query=LearnedQuery(channels=8),
        decode=Decode(DecodeConfig(output_dim=5, use_query_residual=True, **cross)),
        postprocess=ClassificationPostprocess(),
    )
    answer = model(pictures)
    by_hand(pictures)
    by_hand.set_weights(model.get_weights())
    assert answer.shape == (2, 5)
    assert_close(answer, by_hand(pictures))


@pytest.mark.parametrize("source", ["inputs", "positions", "given"])
def test_queries_of_an_array_are_a_linear_map_of_it(source):
    """By hand: positions, a product, then the public stages one after the other."""
    series, asked = array(2, 7, 3), array(2, 4, 6, seed=1)
    model = model_of(queries=source, positions=LearnedPosition(channels=4))
    answer = model(series, queries=asked if source == "given" else None)
    place = model.preprocess.position.embeddings.numpy()
    whole = np.concatenate([series, np.broadcast_to(place, (2, 7, 4))], -1)
    chosen = {"inputs": whole, "positions": whole[..., 3:], "given": asked}[source]
    kernel, bias = model.query.projection.get_weights()
    latents = model.process(model.encode(tf.constant(whole)))
    assert_close(answer, model.decode((tf.constant(chosen @ kernel + bias), latents)))


@pytest.mark.parametrize(
    ("grid", "positions"),
    [
        *[((7,), "fourier"), ((3, 4), "learned"), ((2, 3, 2), None)],
        ((2, 1, 2, 3), "fourier"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_any_rank(kind, grid, positions):
    if kind == "positions" and positions is None:
        with pytest.raises(UsageError, match="need positions"):
            model_of(queries=kind, positions=positions)
        return
    model = model_of(queries=kind, positions=positions)
    inputs = array(2, *grid, 3)
    answer = model(inputs, queries=array(2, 3, 2, 6) if kind == "given" else None)
    shapes = {None: (), 3: (3,), "inputs": grid, "positions": grid, "given": (3, 2)}
    assert answer.shape == (2, *shapes[kind], 5)
    assert answer.dtype == tf.float32


def test_integers_and_one_list_of_queries_for_all_examples():
    model = model_of(queries="given")
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    asked = array(4, 6)
    assert_close(
        model(pixels, queries=asked),
        model(pixels.astype(np.float32), queries=np.stack([asked, asked])),
    )


@settings(max_examples=15)
@given(st.data())
def test_what_is_masked_does_not_matter(data):
    kind = data.draw(st.sampled_from(KINDS))
    model = masked_model(kind)
    inputs = array(2, 3, 4, 3)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=24, max_size=24)))
    mask = mask.reshape(2, 3, 4)
    garbage = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e30, 7.0]))
    changed = np.where(mask[..., None], inputs, np.float32(garbage))
    queries = {"queries": array(2, 5, 6)} if kind == "given" else {}
    answer = model(inputs, mask=mask, **queries)
    assert np.isfinite(answer).all()
    assert_close(model(changed, mask=mask.reshape(2, 12), **queries), answer)


MODELS: dict[Any, PerceiverIO] = {}


def masked_model(kind: Any) -> PerceiverIO:
    """One of each kind for all draws."""
    return MODELS.setdefault(kind, model_of(queries=kind))


def test_what_is_not_masked_matters():
    model, inputs, mask = model_of(), array(2, 6, 3), np.ones([2, 6], bool)
    changed = inputs.copy()
    changed[:, 2] += 1
    assert np.abs(model(changed, mask=mask) - model(inputs, mask=mask)).max() > 1e-4


@pytest.mark.parametrize("positions", ["fourier", "learned", None])
@settings(max_examples=8)
@given(length=st.integers(1, 9), padding=st.integers(0, 3))
def test_padding_to_any_length_changes_nothing(positions, length, padding):
    key = ("padded", positions)
    if key not in MODELS:
        MODELS[key] = model_of(positions=positions, max_shape=12, queries="inputs")
    model, inputs = MODELS[key], array(2, length, 3)
    padded = np.pad(inputs, [(0, 0), (0, padding), (0, 0)], constant_values=9)
    mask = np.arange(length + padding)[None] < [[length], [length]]
    assert_close(model(padded, mask=mask)[:, :length], model(inputs))


def test_padding_of_a_grid_changes_nothing():
    model = model_of(positions="learned", max_shape=(4, 5))
    inputs = array(2, 3, 4, 3)
    padded = np.pad(inputs, [(0, 0), (0, 1), (0, 1), (0, 0)])
    mask = np.pad(np.ones([2, 3, 4], bool), [(0, 0), (0, 1), (0, 1)])
    assert_close(model(padded, mask=mask), model(inputs))


def test_ragged_rows_are_padded_ones_with_their_mask():
    model = model_of(max_shape=6)
    rows = [array(4, 3), array(2, 3, seed=1)]
    padded = np.stack([np.pad(row, [(0, 4 - len(row)), (0, 0)]) for row in rows])
    mask = np.arange(4)[None] < [[4], [2]]
    ragged = tf.RaggedTensor.from_row_lengths(np.concatenate(rows), [4, 2])
    assert_close(model(ragged), model(padded, mask=mask))
    with pytest.raises(UsageError, match="give max_shape"):
        model_of()(ragged)


def test_without_positions_order_does_not_matter():
    inputs, order = array(2, 7, 3), np.random.default_rng(1).permutation(7)
    model = model_of(positions=None)
    assert_close(model(inputs[:, order]), model(inputs))
    model = model_of(positions=None, queries="inputs")
    assert_close(model(inputs[:, order]), tf.gather(model(inputs), order, axis=1))
    model = model_of()
    assert np.abs(model(inputs[:, order]) - model(inputs)).max() > 1e-4


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_weight_learns(kind):
    model, inputs = model_of(queries=kind, positions="learned"), array(2, 3, 4, 3)
    queries = {"queries": array(2, 5, 6)} if kind == "given" else {}
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(inputs, training=True, **queries) ** 2)
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True
    ):
        assert np.isfinite(gradient).all(), weight.name
        # A bias of the keys adds the same to all logits of a row, which the softmax takes away.
        if not weight.name.endswith("key/bias:0"):
            assert np.abs(gradient).max() > 0, weight.name


def test_fit_save_and_load_with_all_parts(tmp_path):
    feed = {
        "inputs": array(16, 6, 3),
        "mask": np.random.default_rng(2).random((16, 6)) < 0.7,
        "queries": array(16, 4, 2),
        "query_mask": np.ones((16, 4), bool),
    }
    targets = feed["queries"].sum(-1, keepdims=True) + feed["inputs"][:, :1, :1]
    model = model_of(queries="given", output_dim=1, num_latents=8, latent_dim=16)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    before = model.evaluate(feed, targets, verbose=0)
    model.fit(feed, targets, epochs=15, verbose=0)
    assert model.evaluate(feed, targets, verbose=0) < before / 2
    model.save(tmp_path / "mine.keras")
    loaded = keras.models.load_model(tmp_path / "mine.keras")
    assert type(loaded) is PerceiverIO
    assert loaded.get_config() == model.get_config()
    assert_close(loaded.predict(feed, verbose=0), model.predict(feed, verbose=0))


def test_it_is_a_layer_of_the_functional_api(tmp_path):
    """Between Keras's own layers, whose mask of padding it takes."""
    ids = keras.Input([None], dtype=tf.int32)
    embedded = keras.layers.Embedding(10, 6, mask_zero=True)(ids)
    found = model_of(max_shape=8)(embedded)
    model = keras.Model(ids, keras.layers.Dense(2)(found))
    short, long = np.array([[1, 2, 3]]), np.array([[1, 2, 3, 0, 0]])
    assert_close(model(long), model(short))
    assert np.abs(model(np.array([[1, 2, 3, 4, 0]])) - model(short)).max() > 1e-5
    model.save(tmp_path / "whole.keras")
    assert_close(keras.models.load_model(tmp_path / "whole.keras")(long), model(short))


def test_losses_leave_out_the_outputs_of_padding():
    inputs = keras.Input([5, 3])
    masked = keras.layers.Masking()(inputs)
    model = keras.Model(inputs, model_of(queries="inputs", output_dim=1, max_shape=5)(masked))
    model.compile(loss="mse")
    series = array(1, 5, 3)
    series[:, 3:] = 0
    targets = np.zeros([1, 5, 1], np.float32)
    loss = model.evaluate(series, targets, verbose=0)
    targets[:, 3:] = 100
    assert model.evaluate(series, targets, verbose=0) == pytest.approx(loss)


def test_xla_and_graphs_give_the_same_numbers():
    model, inputs = model_of(queries="inputs", max_shape=(4, 4)), array(2, 3, 4, 3)
    mask = np.random.default_rng(0).random((2, 3, 4)) < 0.6
    expected = model(inputs, mask=mask)
    spec = [tf.TensorSpec([None, None, None, 3]), tf.TensorSpec([None, None, None], tf.bool)]
    any_size = tf.function(lambda x, m: model(x, mask=m), input_signature=spec)
    assert_close(any_size(inputs, mask), expected)
    fixed = tf.function(lambda x, m: model(x, mask=m), jit_compile=True)
    assert_close(fixed(tf.constant(inputs), tf.constant(mask)), expected)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"larger than max_shape \(4, 4\)"):
        any_size(array(1, 5, 2, 3), np.ones([1, 5, 2], bool))


def test_mixed_precision_keeps_weights_and_outputs_in_float32(tmp_path):
    model, exact = model_of(dtype="mixed_bfloat16"), model_of()
    inputs = array(2, 6, 3)
    model(inputs), exact(inputs)
    exact.set_weights(model.get_weights())
    assert {weight.dtype for weight in model.weights} == {tf.float32}
    assert model.process.compute_dtype == "bfloat16"
    assert model(inputs).dtype == tf.float32
    assert_close(model(inputs), exact(inputs), 0.06)
    assert PerceiverIO.from_config(model.get_config()).process.compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"num_latents": 0}, "num_latents: expected a whole number from 1 on; got 0."),
        ({"latent_dim": 8.0}, "latent_dim: expected a whole number from 1 on; got 8.0."),
        ({"depth": True}, "depth: expected a whole number from 1 on; got True."),
        ({"num_self_attention_heads": 3}, "num_self_attention_heads: 3 heads do not divide"),
        ({"dropout": 1.5}, "dropout: expected a share from 0 to below 1; got 1.5."),
        ({"queries": "input"}, "queries: expected None, a number of learned queries, or one of"),
        ({"queries": 0}, "got 0."),
        ({"queries": np.zeros([3, 4])}, "make the model with queries='given'"),
        ({"positions": "rotary"}, "positions: expected 'fourier', 'learned', None,"),
        ({"activation": "relu"}, "activation: expected 'gelu_tanh' or 'gelu'; got 'relu'."),
        ({"max_shape": ()}, "max_shape: expected a size per dimension of elements; got ()."),
        ({"dtype": "int32"}, "dtype: expected a floating one; got 'int32'."),
        ({"max_shape": (3, -1)}, "max_shape: expected a whole number from 1 on; got -1."),
    ],
    ids=str,
)
def test_wrong_arguments_are_named_in_one_line(arguments, says):
    with pytest.raises(UsageError) as caught:
        model_of(**arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "call", "says"),
    [
        ({}, {"inputs": array(2, 6)}, "expected an array [B, ..., C]; got the shape (2, 6)"),
        ({}, {"inputs": np.array([[["a"]]])}, "inputs: expected numbers; got an array of string."),
        ({}, {"inputs": array(2, 0, 3)}, "has no elements"),
        ({}, {"inputs": array(2, 6, 3), "mask": np.ones([2, 5])}, "(2, 6); got (2, 5)."),
        ({}, {"inputs": array(2, 6, 3), "queries": array(2, 5, 6)}, "queries='given'"),
        ({}, {"inputs": [array(2, 6, 3)] * 2}, "expected one array [B, ..., C]; got a list of 2."),
        ({}, {"inputs": None}, "inputs: expected numbers; got NoneType."),
        (
            {"queries": "given"},
            {"inputs": array(2, 6, 3), "queries": array(3, 4, 6)},
            "queries: expected those of 2 examples",
        ),
        ({"queries": "given"}, {"inputs": array(2, 6, 3)}, "model(inputs, queries=array)"),
        ({"positions": None}, {"inputs": array(2, 6, 1)}, "give positions, or more channels"),
        ({"max_shape": 4}, {"inputs": array(2, 6, 3)}, "is larger than max_shape (4,)"),
        (
            {"max_shape": 4},
            {"inputs": array(2, 2, 2, 3)},
            "max_shape (4,) is for arrays of 3 dimensions",
        ),
        ({}, {"inputs": {"inputs": array(2, 6, 3), "masks": 0}}, "Did you mean 'mask'?"),
        ({}, {"inputs": {"mask": np.ones([2, 6])}}, "but no 'inputs'"),
        (
            {"queries": 3},
            {"inputs": array(2, 6, 3), "query_mask": np.ones([2, 6])},
            "query_mask: expected the shape (2, 3)",
        ),
    ],
)
def test_wrong_calls_are_named_in_one_line(arguments, call, says):
    with pytest.raises(UsageError) as caught:
        model_of(**arguments)(**call)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_built_model_says_what_it_was_built_for():
    model = model_of(queries="given")
    model(array(2, 6, 3), queries=array(2, 4, 5))
    with pytest.raises(UsageError, match=r"built for 3 dimensions with 3 channels; got .*6, 4\)"):
        model(array(2, 6, 4), queries=array(2, 4, 5))
    with pytest.raises(UsageError, match=r"queries: the model was built for 5 channels"):
        model(array(2, 6, 3), queries=array(2, 4, 6))


@pytest.mark.parametrize("positions", ["fourier", "learned"])
def test_a_built_model_too_names_a_grid_that_is_too_large_in_one_line(positions):
    model = model_of(positions=positions, max_shape=5)
    model(array(2, 3, 3))
    for call in (model, lambda inputs: model.predict(inputs, verbose=0)):
        with pytest.raises(UsageError) as caught:
            call(array(2, 10, 3))
        assert re.fullmatch(
            "The inputs' grid .10,. is larger than max_shape .5,.;.*", str(caught.value)
        )


def test_learned_positions_need_a_size():
    with pytest.raises(UsageError, match="give max_shape"):
        model_of(positions="learned")(keras.Input([None, 3]))


def test_smaller_grids_have_the_learned_positions_of_their_places():
    """That the first grid was (3, 4) is what the model knows of max_shape."""
    first, inputs = array(1, 3, 4, 3), array(2, 2, 3, 3)
    model, fixed = model_of(positions="learned"), model_of(positions="learned", max_shape=[3, 4])
    model(first), fixed(first)
    fixed.set_weights(model.get_weights())
    assert_close(model(inputs), fixed(inputs))
    with pytest.raises(UsageError, match=r"grid \(4, 3\) is larger than learned .*\(3, 4\);"):
        model(array(1, 4, 3, 3))


@pytest.mark.parametrize(
    ("feed", "says"),
    [
        ([array(2, 6, 3), array(2, 6, 3)], "inputs: expected one array [B, ..., C]; got a list"),
        ({"inputs": array(2, 6, 3), "mask": np.ones([2, 5])}, "mask: expected the shape"),
    ],
    ids=["list", "mask"],
)
def test_in_fit_too_a_wrong_call_is_one_line(feed, says):
    model = model_of()
    model.compile("sgd", "mse")
    with pytest.raises(UsageError) as caught:
        model.fit(feed, array(2, 5), verbose=0)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_attention_maps_come_along():
    model = model_of(depth=2)
    answer, maps = model(array(2, 3, 4, 3), return_attention=True)
    assert answer.shape == (2, 5)
    assert maps["encode"].shape == (2, 1, 4, 12)
    assert len(maps["process"]) == 2
