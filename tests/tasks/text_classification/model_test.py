"""The classifier: padding does not matter, numbers are in the labels' unit, a language model's weights fit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.errors import UsageError
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.text_classification import TASK
from perceiver_keras.training.warm_start import start_from
from tests.checks import assert_close
from tests.tasks.text_classification.small import CONFIG, LABELS, NUMBERS, PAIRS, small_model


def test_logits_depend_on_the_text_and_not_on_its_padding():
    model = small_model()
    ids = tf.random.stateless_uniform([2, 16], [1, 2], 6, 262, tf.int32)
    mask = tf.sequence_mask([3, 16], 16)
    padded = model({"ids": tf.where(mask, ids, 0), "mask": mask})
    assert_close(model({"ids": tf.where(mask, ids, 77), "mask": mask}), padded)
    whole = model({"ids": ids, "mask": tf.ones_like(mask)})
    assert np.abs(whole[0] - padded[0]).max() > 1e-4
    assert_close(whole[1], padded[1])


def test_numbers_are_scaled_to_the_unit_of_the_labels():
    scaled = small_model(NUMBERS)
    plain = small_model(
        registry.get("text_classification").configure(
            "tiny",
            [("small", {"model": {**_model(NUMBERS), "number_mean": 0.0, "number_std": 1.0}})],
        )
    )
    plain.set_weights(scaled.get_weights())
    inputs = {"ids": tf.fill([2, 16], 77), "mask": tf.sequence_mask([5, 16], 16)}
    assert_close(scaled(inputs), 100 + 50 * plain(inputs))
    outputs, maps = scaled(inputs, return_attention=True)
    assert_close(outputs, scaled(inputs))
    assert set(maps) >= {"encode"}


def _model(config):
    from perceiver_keras.config_tree import to_dict

    return to_dict(config.model)


def test_classify_takes_one_text_or_several_as_str_bytes_or_pairs():
    model = small_model()
    (one,) = model.classify("a text")
    assert sorted(entry["label"] for entry in one) == LABELS
    assert sum(entry["score"] for entry in one) == pytest.approx(1, abs=1e-5)
    assert [e["score"] for e in one] == sorted((e["score"] for e in one), reverse=True)
    assert model.classify(["a text", b"a text"], top=1) == [one[:1], one[:1]]
    assert model.classify([]) == []
    assert model.classify(("a text", "a text")) == [
        one,
        one,
    ]  # a tuple is a pair for models of pairs
    assert model.classify(text for text in ["a text"]) == [one]
    pairs = small_model(PAIRS)
    (pair,) = pairs.classify(("first", b"second"))
    assert pairs.classify([("first", "second"), ["other", "one"]])[0] == pair
    (number,) = small_model(NUMBERS).classify(b"a text")
    assert number["label"] == "score" and isinstance(number["score"], float)


def test_what_is_not_a_text_is_refused():
    model = small_model()
    for wrong in (3, [3], [None], {"a": 1}.values(), [("a", "b", "c")]):
        with pytest.raises(UsageError, match="Expected a text"):
            model.classify(wrong)
    with pytest.raises(UsageError, match="takes single texts but was given pairs"):
        model.classify([("a", "b")])
    with pytest.raises(UsageError, match="takes pairs but was given single texts"):
        small_model(PAIRS).classify("a")
    with pytest.raises(UsageError, match="Some requests are pairs"):
        small_model(PAIRS).classify(["a", ("a", "b")])


def test_a_language_model_is_a_start_with_its_decoder(tmp_path):
    """So are models of other classes, without their head."""
    language = registry.get("language_mlm").model.from_preset("tiny")
    language.save_to_preset(tmp_path / "mlm")
    model = TASK.model.from_preset("tiny")
    said = start_from(model, str(tmp_path / "mlm"))
    assert "preprocess, encode, process, decode" in said
    ours, theirs = weights_by_path(model), weights_by_path(language)
    for path, weight in ours.items():
        if path.split("/")[0] in ("preprocess", "encode", "process", "decode"):
            assert_close(weight, theirs[path], 0)

    keras.utils.set_random_seed(3)
    other = TASK.model.from_preset("tiny", num_classes=5)
    model.save_to_preset(tmp_path / "subjects")
    said = start_from(other, str(tmp_path / "subjects"))
    assert_close(weights_by_path(other)["query/embeddings"], ours["query/embeddings"], 0)
    assert "postprocess/linear" in said  # named as new
    assert other.config.num_classes == 5 and CONFIG.model.num_classes == 3
