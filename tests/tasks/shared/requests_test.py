"""A request without content is told in plain words, in graphs as in Python."""

from __future__ import annotations

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
