"""Exceptions as one line, those of TensorFlow and Beam included."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras import stack
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
    assert explain(error)[0].startswith(
        "No space left on the disk for the output folder; free some"
    )
    message = (
        "{{function_node x}} /big/run 1/ckpt-5.tempstate4; No space left on device [Op:SaveV2]"
    )
    error = tf.errors.ResourceExhaustedError(None, None, message)
    assert "disk for /big/run 1/ckpt-5.tempstate4; free some" in explain(error)[0]


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        OSError(28, "No space left on device", "x"),
        tf.errors.DataLossError(None, None, "bad block"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_only_what_keeps_its_work_is_said_to_resume(error) -> None:
    from perceiver_keras.cli import COMMANDS

    def resumes(command):
        return "again to resume" in explain(error, command)[0]

    found = {row.name for row in COMMANDS if resumes(row.name)}
    assert found == {"run", "train", "reproduce"}
    assert "run the same command again" in explain(error, "export")[0]


def test_where_the_pipeline_cant_be_installed_no_command_to_install_it_is_given(
    monkeypatch,
) -> None:
    missing = ModuleNotFoundError("No module named 'tfx'", name="tfx")
    monkeypatch.setattr(stack, "no_pipeline", lambda: "")
    assert "pip install 'perceiver-keras[pipeline]'" in explain(missing)[0]
    monkeypatch.setattr(stack, "no_pipeline", lambda: "its wheels need glibc 2.39")
    assert explain(missing) == ("The package tfx is not installed: its wheels need glibc 2.39.", 1)


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
