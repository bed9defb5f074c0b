"""The setting that was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.nearest_key import nearest_key

KEYS = [
    *("data", "data.dataset", "data.batch_size", "data.max_examples"),
    *("model", "model.encode", "model.encode.num_latents", "model.encode.dropout"),
    *("model.process", "model.process.num_self_attention_layers", "model.process.dropout"),
    *("model.num_classes", "model.image_size"),
    *("train", "train.steps", "train.learning_rate", "train.weight_decay", "train.seed"),
    *("evaluate", "evaluate.thresholds"),
]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("num_latent", "'model.encode.num_latents'"),
        ("num_latents", "'model.encode.num_latents'"),
        ("model.num_latents", "'model.encode.num_latents'"),
        ("lr", "'train.learning_rate'"),
        ("train.lr", "'train.learning_rate'"),
        ("wd", "'train.weight_decay'"),
        ("batch", "'data.batch_size'"),
        ("epochs", "'train.steps'"),
        ("classes", "'model.num_classes'"),
        ("num_layers", "'model.process.num_self_attention_layers'"),
        ("dropout", "'model.encode.dropout' or 'model.process.dropout'"),
        ("model.proces.dropout", "'model.process.dropout'"),
        ("evaluate.threshold", "'evaluate.thresholds'"),
        ("trane", "'train'"),
        ("weather", ""),
        ("", ""),
    ],
)
def test_what_was_meant(written: str, meant: str) -> None:
    assert nearest_key((written,), KEYS) == meant


def test_any_form_of_what_was_written_may_match() -> None:
    assert nearest_key(("trian", "trian.steps"), KEYS) == "'train.steps'"


@given(st.sampled_from(KEYS), st.data())
def test_one_wrong_letter_in_a_long_name_is_forgiven(key: str, data) -> None:
    last = key.rpartition(".")[2]
    if len(last) < 6:
        return
    place = len(key) - 1 - data.draw(st.integers(0, len(last) - 1))
    wrong = key[:place] + "q" + key[place + 1 :]
    assert repr(key) in nearest_key((wrong,), KEYS)


def test_where_there_are_no_keys_there_is_nothing_to_suggest() -> None:
    assert nearest_key(("steps",), []) == ""
