"""Codes, and what is told of errors."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf

from perceiver_keras.server.status import (
    HTTP_STATUS,
    MAX_MESSAGE,
    Code,
    ServingError,
    from_exception,
    telling,
)


def test_the_codes_are_grpcs_and_tensorflows() -> None:
    assert {c.name: int(c) for c in Code} == {c.name: c.value[0] for c in grpc.StatusCode}
    assert set(HTTP_STATUS) == set(Code)
    assert tf.errors.RESOURCE_EXHAUSTED == Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (tf.errors.NotFoundError(None, None, "gone"), Code.NOT_FOUND, "gone"),
        (ServingError(Code.ABORTED, "mine"), Code.ABORTED, "mine"),
        (ValueError("odd\nmore"), Code.INTERNAL, "ValueError: odd"),
        (MemoryError(), Code.INTERNAL, "MemoryError: no message"),
    ],
)
def test_what_was_raised_keeps_its_code(error, code, message) -> None:
    told = from_exception(error)
    assert (told.code, told.message, told.http_status) == (code, message, HTTP_STATUS[code])


def test_notes_on_the_graph_are_left_out() -> None:
    text = "Graph execution error:\n\n2 root error(s) found.\n  (0) {{node a/b}} bad JPEG\n\t [[{{node a/b}}]]"
    assert telling(text) == "bad JPEG"


def test_long_messages_are_cut_where_tensorflow_serving_cuts() -> None:
    message = ServingError(Code.INTERNAL, "x" * 5000).message
    assert message == "x" * MAX_MESSAGE + "...TRUNCATED"
