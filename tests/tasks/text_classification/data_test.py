"""Texts and pairs to ids, classes and numbers as targets, and examples that can't be used."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.byte_tokenizer import MASK, OFFSET, SEP
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.text_classification import data
from tests.tasks.text_classification.small import CONFIG, LABELS, NUMBERS, PAIRS

SEED = tf.constant([0, 0])


def prepared(config, training=False, **features):
    named = {name: tf.constant(value) for name, value in features.items()}
    inputs, target = data.prepare(named, config, training, SEED)
    ids = inputs["ids"].numpy()[inputs["mask"].numpy()]
    return b"".join(b"|" if i == SEP else bytes([i - OFFSET]) for i in ids), target


def test_a_text_is_its_bytes_alone_and_a_pair_has_a_separator():
    one = np.int64(1)
    assert prepared(CONFIG, text="für".encode(), label=one)[0] == "für".encode()
    assert prepared(CONFIG, text=b"x" * 30, label=one)[0] == b"x" * 16
    assert prepared(CONFIG, text=b"\xff[MASK]", label=one)[0] == b"\xff[MASK]"
    assert prepared(PAIRS, text=b"ab", text2=b"cd", label=one)[0] == b"ab|cd"
    assert prepared(PAIRS, text=b"a" * 20, text2=b"b" * 20, label=one)[0] == b"aaaaaaaa|bbbbbbb"


def test_targets_are_classes_or_numbers_whatever_they_are_stored_as():
    _, target = prepared(CONFIG, text=b"a", label=np.int64(2))
    assert target.dtype == tf.int64 and int(target) == 2
    _, target = prepared(NUMBERS, text=b"a", label=np.float32(-3.5))
    assert target.dtype == tf.float32 and float(target) == -3.5
    _, target = prepared(override(NUMBERS, "data.label_type=int64"), text=b"a", label=np.int64(7))
    assert target.dtype == tf.float32 and float(target) == 7
    assert prepared(CONFIG, text=b"a")[1] is None  # to be served


def test_features_have_the_data_set_s_names_and_the_user_s_files_ours():
    settings = ("data.text=title", "data.text2=body", "data.label=topic")
    config = override(CONFIG, "data.dataset=ag_news_subset", *settings)
    assert list(data.spec(config)) == ["title", "body", "topic"]
    assert prepared(config, title=b"a", body=b"b", topic=np.int64(0))[0] == b"a|b"
    own = override(CONFIG, "data.dataset=own_data/texts-0123", *settings)
    assert list(data.spec(own)) == ["text", "text2", "label"]
    assert data.spec(NUMBERS)["label"].dtype == tf.float32


@pytest.mark.parametrize(
    ("config", "change", "reason"),
    [
        (CONFIG, {"text": []}, "'text' is missing"),
        (CONFIG, {"text": [b" \n"]}, "'text' is empty"),
        (CONFIG, {"label": []}, "'label' is missing"),
        (CONFIG, {"label": [3]}, "label 3 is not in 0 to 2"),
        (CONFIG, {"label": [-1]}, "answers are not known"),
        (CONFIG, {"label": [0.5]}, "label 0.5 is not in 0 to 2"),
        (NUMBERS, {"label": [float("nan")]}, "not a finite number"),
        (PAIRS, {"text2": []}, "'text2' is missing"),
    ],
)
def test_what_can_t_be_used_is_refused_with_a_reason(config, change, reason):
    good = {"text": [b"a"], "text2": [b"b"], "label": [1]}
    assert data.check(good, config) is None
    assert reason in data.check({**good, **change}, config)
    assert data.check({**good, "label": [-1.0]}, NUMBERS) is None  # an ordinary number


def in_training(config, text, seed):
    inputs, _ = data.prepare(
        {"text": tf.constant(text), "text2": tf.constant(b"zz"), "label": tf.constant(1, tf.int64)},
        *(config, True, tf.constant(seed)),
    )
    return inputs["ids"].numpy(), inputs["mask"].numpy()


def test_training_reads_any_part_of_a_text_that_is_too_long():
    config = override(CONFIG, "data.crop=random")
    text = bytes(range(97, 123))
    starts = {int(in_training(config, text, [seed, 0])[0][0]) - OFFSET - 97 for seed in range(40)}
    assert min(starts) == 0 and max(starts) == 26 - 16 and len(starts) > 6
    for seed in range(3):
        ids, mask = in_training(config, text, [seed, 0])
        assert mask.all() and (np.diff(ids) == 1).all()
        assert in_training(config, b"short", [seed, 0])[0][0] == ord("s") + OFFSET
    assert in_training(CONFIG, text, [1, 0])[0][0] == ord("a") + OFFSET


def test_training_hides_tokens_and_neither_separators_nor_padding():
    config = override(PAIRS, "data.token_dropout=0.5")
    hidden = 0
    for seed in range(60):
        ids, mask = in_training(config, b"a" * 9, [seed, 3])
        assert ids[9] == SEP and not (ids[~mask] == MASK).any()
        assert set(ids[:9]) <= {MASK, ord("a") + OFFSET}
        hidden += (ids == MASK).sum()
    assert 0.4 < hidden / (60 * 11) < 0.6
    still = data.prepare(
        {"text": tf.constant(b"a" * 9), "text2": tf.constant(b"b")}, config, False, SEED
    )
    assert not (still[0]["ids"].numpy() == MASK).any()


def test_unknown_classes_are_not_trained_on():
    with pytest.raises(tf.errors.InvalidArgumentError, match="can't be trained on"):
        prepared(CONFIG, training=True, text=b"a", label=np.int64(-1))


def test_settings_that_do_not_fit_the_data_say_what_to_do():
    data.check_dataset(LABELS, CONFIG)
    data.check_dataset(None, NUMBERS)
    for config, labels, words in (
        (
            CONFIG,
            ["a", "b"],
            "has 2 classes but model.num_classes is 3; add --set model.num_classes=2",
        ),
        (NUMBERS, ["a", "b"], "num_classes=1 is for numbers; add --set model.num_classes=2"),
        (override(CONFIG, "data.sentencepiece=train"), LABELS, "name the file"),
        (override(CONFIG, "model.vocabulary=999"), LABELS, "model.vocabulary is 999"),
    ):
        with pytest.raises(UsageError, match=words):
            data.check_dataset(labels, config)


def test_what_is_measured_has_the_data_set_s_own_names():
    own = override(CONFIG, "data.dataset=catalogue", "data.text=data/review", "data.label=stars")
    assert data.kinds(own) == {"data/review": "text", "stars": "label"}
    assert data.kinds(PAIRS) == {"text": "text", "text2": "text", "label": "label"}
    assert data.kinds(NUMBERS)["label"] == "number"
