"""One input gives one answer, several give a list, whatever holds them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.shared import inputs


def ask(given):
    def lengths(items):
        assert all(isinstance(item, str) for item in items)
        return [len(item) for item in items]

    return inputs.answer_each(given, lambda one: isinstance(one, str), "a word", lengths)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ("abc", 3),
        (np.str_("abc"), 3),
        (np.array("abc"), 3),
        (np.array("abc", object), 3),
        (["a", "bc"], [1, 2]),
        (("a",), [1]),
        ((word for word in ("a", "bc")), [1, 2]),
        (np.array(["a", "bc"]), [1, 2]),
        (np.array(["a", "bc"], object), [1, 2]),
        ({"a": 1, "bc": 2}.keys(), [1, 2]),
        ([], []),
        (iter([]), []),
    ],
)
def test_one_or_several(given, answer):
    assert ask(given) == answer


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "a word, or a list of these; got None"),
        (3, r"got 3 \(int\)"),
        (np.float32(2), r"got 2.0 \(float32\)"),
        (np.array(3), r"got an array of shape \[\] and type int64"),
        ({"a": 1}, "got a value of type dict"),
    ],
)
def test_what_is_neither_is_said(given, words):
    with pytest.raises(UsageError, match=words):
        ask(given)


def test_values_as_what_they_hold():
    assert inputs.plain(tf.constant(b"ab")) == b"ab"
    assert inputs.plain(bytearray(b"ab")) == inputs.plain(memoryview(b"ab")) == b"ab"
    np.testing.assert_array_equal(inputs.plain(tf.constant([1, 2])), [1, 2])
    image = Image.new("L", (1, 1))
    assert inputs.plain(image) is image
    assert inputs.is_numbers(np.ones(2)) and not inputs.is_numbers(np.array(["a"]))


def test_bytes_are_read_from_paths_and_open_files(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    for source in (str(file), file, io.BytesIO(b"abc"), b"abc"):
        assert inputs.bytes_of(source, "it") == b"abc"
    for source, words in (
        (tmp_path / "none", "none: No such file"),
        (tmp_path, "Is a directory"),
        ("a\0b", "null byte"),
        (b"", "it is empty"),
        (io.StringIO("abc"), "open as text"),
    ):
        with pytest.raises(UsageError, match=words):
            inputs.bytes_of(source, "it")


def test_errors_number_several_inputs():
    assert inputs.numbered("picture", 1) == ["the picture"]
    assert inputs.numbered("picture", 2) == ["picture 1", "picture 2"]
    assert inputs.kind_of([1, 2]) == "a list of 2, the first 1 (int)"
