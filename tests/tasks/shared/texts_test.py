"""Texts of every kind are the same bytes, and what is not a text is named."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.shared.texts import is_text, to_bytes

TEXT = "naïve 日本語 [MASK]"


def test_every_kind_is_the_same_bytes(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-16")
    for text in (
        *(TEXT, np.str_(TEXT), TEXT.encode(), bytearray(TEXT.encode()), np.bytes_(TEXT.encode())),
        *(np.array(TEXT), tf.constant(TEXT), tmp_path / "a.txt", io.BytesIO(TEXT.encode())),
        *(TEXT.encode("utf-16"), TEXT.encode("utf-8-sig")),
    ):
        assert to_bytes(text) == TEXT.encode()
    assert to_bytes("") == b"" and to_bytes(b"\xff\x00[MASK]") == b"\xff\x00[MASK]"
    assert is_text("a") and not is_text(["a"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (3, r"text 2: expected a text \(str\), its bytes, or .*; got 3 \(int\)"),
        (None, "got None"),
        (float("nan"), r"got nan \(float\)"),
        (["a"], "got a list of 1"),
        ("a\ud800", "character 1 is half of a surrogate pair"),
        (TEXT.encode("utf-16-le"), "text 2: looks like UTF-16LE"),
    ],
)
def test_what_is_not_a_text_is_named(text, words):
    with pytest.raises(UsageError, match=words):
        to_bytes(text, "text 2")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="none.txt: No such file"):
        to_bytes(tmp_path / "none.txt")
