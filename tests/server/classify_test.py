"""Classify and Regress: which signatures fit, and what becomes of their outputs."""

from __future__ import annotations

import numpy as np
import pytest
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import input_pb2

from perceiver_keras.server import classify
from perceiver_keras.server.loaded import End, Signature
from perceiver_keras.server.status import ServingError

TEXT, FLOAT = End(7, (None,)), End(1, (None, None))


def signature(inputs, outputs) -> Signature:
    return Signature("s", inputs, {name: FLOAT for name in outputs}, None)


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ({"inputs": TEXT}, ["scores"], ""),
        ({"inputs": TEXT}, ["classes", "scores"], ""),
        ({"inputs": TEXT, "more": TEXT}, ["scores"], "Expected one input Tensor."),
        ({"examples": TEXT}, ["scores"], "No classification inputs found"),
        ({"inputs": FLOAT}, ["scores"], "takes no serialized Examples"),
        ({"inputs": TEXT}, ["a", "b", "c"], "Expected one or two output Tensors, found 3"),
        ({"inputs": TEXT}, ["probabilities"], 'at least one of "classes" or "scores"'),
    ],
)
def test_signatures_for_classify(inputs, outputs, words) -> None:
    if not words:
        return classify.check_classification(signature(inputs, outputs))
    with pytest.raises(ServingError) as caught:
        classify.check_classification(signature(inputs, outputs))
    assert words in caught.value.message


def test_signatures_for_regress() -> None:
    classify.check_regression(signature({"inputs": TEXT}, ["outputs"]))
    for outputs, words in (
        (["scores"], "No regression outputs"),
        (["a", "b"], "one output Tensor"),
    ):
        with pytest.raises(ServingError) as caught:
            classify.check_regression(signature({"inputs": TEXT}, outputs))
        assert words in caught.value.message


def test_a_context_is_shared_and_an_examples_own_features_win() -> None:
    message = input_pb2.Input()
    for values in ({}, {"x": 2}):
        example = message.example_list_with_context.examples.add()
        for name, value in values.items():
            example.features.feature[name].int64_list.value.append(value)
    message.example_list_with_context.context.features.feature["x"].int64_list.value.append(1)
    read = [example_pb2.Example.FromString(e) for e in classify.examples_of(message)]
    assert [list(e.features.feature["x"].int64_list.value) for e in read] == [[1], [2]]


def test_outputs_become_pairs() -> None:
    labels = np.array([[b"a", b"b"]], object)
    scores = np.float32([[0.25, 0.75]])
    pairs = classify.classifications
    assert pairs({"classes": labels, "scores": scores}, 1) == [[(b"a", 0.25), (b"b", 0.75)]]
    assert pairs({"classes": labels}, 1) == [[(b"a", 0.0), (b"b", 0.0)]]
    assert pairs({"scores": scores}, 1) == [[(b"", 0.25), (b"", 0.75)]]
    assert classify.regressions({"outputs": np.float32([[1], [2]])}, 2).tolist() == [1, 2]


@pytest.mark.parametrize(
    "outputs",
    [
        {"scores": np.float32([0.5])},
        {"scores": np.float64([[0.5]])},
        {"scores": np.float32([[0.5], [0.5]])},
        {"classes": np.array([[b"a"]], object), "scores": np.float32([[0.5, 0.5]])},
    ],
)
def test_outputs_that_are_no_classes_are_refused(outputs) -> None:
    with pytest.raises(ServingError):
        classify.classifications(outputs, 1)


@pytest.mark.parametrize("output", [np.float32([[1, 2]]), np.float64([1]), np.float32([1, 2])])
def test_outputs_that_are_no_numbers_per_example_are_refused(output) -> None:
    with pytest.raises(ServingError):
        classify.regressions({"outputs": output}, 1)
