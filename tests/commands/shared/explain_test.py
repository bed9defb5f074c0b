"""Exceptions as one line, those of TensorFlow and Beam included."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.commands.shared.explain import explain
from perceiver_keras.errors import PerceiverError, UsageError


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tf.errors.ResourceExhaustedError, "lower data.batch_size"),
        (tf.errors.DataLossError, "damaged; delete it, or restore it, and run the same command"),
        (tf.errors.NotFoundError, "A file is missing: no a.txt"),
    ],
)
def test_tensorflow_errors(kind, words) -> None:
    message, code = explain(kind(None, None, "no a.txt\n\t [[{{node IteratorGetNext}}]] [Op:X]"))
    assert code == 1 and words in message
    assert "\n" not in message and "node" not in message


def test_a_full_disk_is_told_however_tensorflow_says_it() -> None:
    error = tf.errors.InvalidArgumentError(None, None, "write: No space left on device")
    assert explain(error)[0].startswith("No space left; free some")


def test_our_words_win_however_deep_they_are() -> None:
    try:
        try:
            raise UsageError("No such preset.")
        except UsageError as error:
            raise RuntimeError("Beam failed") from error
    except RuntimeError as error:
        assert explain(error) == ("No such preset.", 2)


def test_beam_notes_are_left_out() -> None:
    error = PerceiverError("Record 3 is corrupt. [while running 'Read/Map']")
    assert explain(error) == ("Record 3 is corrupt.", 1)


def test_a_cause_that_was_suppressed_stays_so() -> None:
    try:
        try:
            raise PerceiverError("old")
        except PerceiverError:
            raise RuntimeError("new") from None
    except RuntimeError as error:
        assert "new" in explain(error)[0]


def test_circles_of_causes_end() -> None:
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one
    assert "one" in explain(one)[0]
