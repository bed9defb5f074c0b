"""A request without content is told in plain words, in graphs as in Python."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf

from perceiver_keras.tasks.shared import requests


@pytest.mark.parametrize("wrap", [lambda call: call, tf.function], ids=["eager", "graph"])
@pytest.mark.parametrize("shape", [(0,), (0, 4), (2, 0)])
def test_contents_are_kept_and_none_is_told(wrap, shape) -> None:
    call = wrap(lambda contents: requests.some(contents, "pictures"))
    assert call(tf.constant([[b"a", b"b"]])).numpy().tolist() == [[b"a", b"b"]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="The request has no pictures"):
        call(tf.fill(shape, ""))


@pytest.mark.parametrize("wrap", [lambda call: call, tf.function], ids=["eager", "graph"])
def test_inputs_of_as_many_examples_are_kept_and_others_are_told(wrap) -> None:
    call = wrap(lambda a, b: requests.as_many({"a": a, "b": b}))
    kept = call(tf.constant([1, 2]), tf.constant([[3], [4]]))
    assert kept["a"].numpy().tolist() == [1, 2] and kept["b"].numpy().tolist() == [[3], [4]]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"inputs a, b have different numbers"
    ) as told:
        call(tf.constant([1, 2]), tf.constant([[3]]))
    assert re.search(r"2[ ,\n]+1", str(told.value))
