"""Serving texts and pairs: labels, probabilities, numbers, and examples by the data set's own names."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.export import export_saved_model
from perceiver_keras.serve import Servable
from perceiver_keras.tasks.text_classification import TASK, serve
from tests.tasks.text_classification.small import CONFIG, LABELS, NUMBERS, PAIRS, small_model


def ask(config, contents, labels=None):
    outputs = serve.serve(small_model(config), TASK.asking.pack(contents), config, labels)
    return {key: value.numpy() for key, value in outputs.items()}


def test_a_text_too_long_says_how_much_was_cut():
    found = ask(CONFIG, [b"short", b"x" * 20, b""], LABELS)
    assert found["cut"].tolist() == [0, 4, 0]
    np.testing.assert_allclose(found["probabilities"].sum(1), 1, rtol=1e-5)
    best = [LABELS[i].encode() for i in found["probabilities"].argmax(1)]
    assert found["label"].tolist() == best
    same = ask(CONFIG, [b"x" * 16], LABELS)["probabilities"]
    np.testing.assert_allclose(found["probabilities"][1:2], same, rtol=1e-5)
    assert ask(PAIRS, [(b"a" * 20, b"bc")])["cut"].tolist() == [20 + 1 + 2 - 16]


def test_classes_without_names_are_numbers_and_numbers_have_no_class():
    assert set(ask(CONFIG, [b"a", b"b"])["label"]) <= {b"0", b"1", b"2"}
    found = ask(NUMBERS, [b"a", b"b"])
    assert set(found) == {"score", "cut"} and found["score"].shape == (2,)


def test_single_texts_and_pairs_are_not_mixed_up():
    with pytest.raises(UsageError, match="takes single texts"):
        ask(CONFIG, [(b"a", b"b")])
    with pytest.raises(UsageError, match="takes pairs"):
        ask(PAIRS, [b"a"])


def example(**features):
    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    named = {key: feature(value) for key, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def test_an_export_takes_text_and_text2_whatever_the_data_set_calls_them(tmp_path):
    config = override(
        CONFIG,
        *("data.dataset=ag_news_subset", "data.text=title", "data.text2=body", "data.label=topic"),
    )
    model = small_model(config)
    stored = [example(title=b"a", body=b"b", topic=1), example(title=b"cd", body=b"", topic=2)]
    folder = str(tmp_path / "model")
    export_saved_model(TASK, config, model, folder, labels=LABELS, warmup=stored)
    servable = Servable(folder)
    assert set(servable.signature("serving_default").inputs) == {"text", "text2"}
    answered = servable.predict("serving_default", text=[b"a", b"cd"], text2=[b"b", b""])
    unlabelled = [example(title=b"a", body=b"b"), example(title=b"cd", body=b"")]
    same = servable.predict("serving_examples", examples=unlabelled)
    np.testing.assert_allclose(answered["probabilities"], same["probabilities"], rtol=1e-5)
    columns = servable.predict("evaluate", examples=stored)[TASK.measures.key]
    np.testing.assert_allclose(columns, answered["probabilities"], rtol=1e-5)
