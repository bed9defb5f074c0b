"""Calls run as a graph once that pays: the same answers and errors, and never those of older weights or labels."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.tasks import registry, served

TASK = registry.get("image_classification")
AS_IT_IS = 2  # calls before there is a graph here: the first, and one that takes any time


@pytest.fixture(autouse=True)
def _impatient(monkeypatch) -> None:
    monkeypatch.setattr(served, "PATIENCE", 1e-9)


def png(side: int, seed: int = 0) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def ask(model, *pictures: bytes) -> dict[str, np.ndarray]:
    return model.served(TASK.asking.pack(list(pictures)))


@pytest.fixture
def model():
    made = TASK.model.from_preset("tiny")
    made.labels = list("abcdefghij")
    return made


@pytest.fixture
def calls(model, monkeypatch) -> list:
    """For each time that Python runs the model, whether it does so at once; else it is traced."""
    found, call = [], type(model).call

    @tf.autograph.experimental.do_not_convert
    def counted(*args, **kwargs):
        found.append(tf.executing_eagerly())
        return call(*args, **kwargs)

    monkeypatch.setattr(type(model), "call", counted)
    return found


def test_later_calls_are_of_one_graph_and_answer_the_same(model, calls) -> None:
    pictures = [png(side, side) for side in range(20, 27)]
    first = [ask(model, picture) for picture in pictures[:AS_IT_IS]]
    assert calls == [True] * AS_IT_IS
    later = [ask(model, picture) for picture in pictures]
    together = ask(model, *pictures)
    assert calls == [True] * AS_IT_IS + [False]
    for name in ("probabilities", "label"):
        rows = np.concatenate([one[name] for one in later])
        for found in (np.concatenate([one[name] for one in first]), together[name]):
            expected = rows[: len(found)]
            if name == "probabilities":
                np.testing.assert_allclose(found, expected, atol=1e-6)
            else:
                np.testing.assert_array_equal(found, expected)


def test_there_is_no_graph_until_calls_have_taken_what_it_costs(model, calls, monkeypatch) -> None:
    clock = iter(np.cumsum([0, 9, 1, 0, 1, 0, 1.5]))
    monkeypatch.setattr(served, "PATIENCE", 3.0)
    monkeypatch.setattr(served, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    for _ in range(6):
        ask(model, png(20))
    assert calls == [True] * 4 + [False]


def test_new_weights_and_new_labels_are_seen(model, calls) -> None:
    before = [ask(model, png(20)) for _ in range(AS_IT_IS + 1)][-1]
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    changed = ask(model, png(20))
    assert np.abs(changed["probabilities"] - before["probabilities"]).max() > 1e-4
    assert calls.count(False) == 1
    model.labels = list("0123456789")
    for _ in range(AS_IT_IS + 1):
        assert ask(model, png(20))["label"][0].decode() in model.labels


def test_a_graph_says_what_is_wrong_as_plain_words_do(model) -> None:
    def error() -> str:
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            model.served({"image_bytes": tf.constant([png(20)[:60]])})
        return caught.value.message

    first = error()
    for _ in range(AS_IT_IS + 1):
        ask(model, png(20))
    assert error() == first and "Graph execution" not in first


def test_a_model_that_can_not_be_a_graph_goes_on_as_it_is(model, monkeypatch) -> None:
    call = type(model).call

    @tf.autograph.experimental.do_not_convert
    def eager_only(self, inputs, *args, **kwargs):
        inputs.numpy()
        return call(self, inputs, *args, **kwargs)

    monkeypatch.setattr(type(model), "call", eager_only)
    first, *others = [ask(model, png(20))["probabilities"] for _ in range(AS_IT_IS + 2)]
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_nothing_of_it_is_saved_with_the_model(model, tmp_path) -> None:
    for _ in range(AS_IT_IS + 1):
        ask(model, png(20))
    model.save_to_preset(tmp_path / "saved")
    again = TASK.model.from_preset(tmp_path / "saved")
    assert again._served is None
    np.testing.assert_allclose(
        ask(again, png(20))["probabilities"], ask(model, png(20))["probabilities"], atol=1e-6
    )
