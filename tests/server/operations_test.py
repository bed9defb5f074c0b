"""What both protocols share: one answer in arrays, whoever asks."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.server.operations import Asked
from perceiver_keras.server.status import Code, ServingError


@pytest.fixture
def operations(server):
    return server.server._operations


def test_an_answer_names_its_version_and_signature(server, operations) -> None:
    asked = Asked("half", label="stable")
    answer = server.wait(operations.predict(asked, lambda signature: {"x": np.float32([2])}))
    assert (answer.version, answer.signature) == (7, "serving_default")
    assert answer.outputs["y"].tolist() == [3.0]


def test_each_protocol_has_its_own_code_for_an_unknown_signature(server, operations) -> None:
    asked = Asked("half", signature="nope")
    for given, code in (
        ({}, Code.FAILED_PRECONDITION),
        *[({"unknown_signature": Code.INVALID_ARGUMENT}, Code.INVALID_ARGUMENT)],
    ):
        with pytest.raises(ServingError) as caught:
            server.wait(operations.predict(asked, lambda signature: {}, **given))
        assert caught.value.code == code and "nope" in caught.value.message


@pytest.mark.parametrize(
    ("names", "words"),
    [(("z",), "not found in signature: z"), (("y", "y"), "duplicate output tensor alias: y")],
)
def test_the_output_filter_names_outputs_once(server, operations, names, words) -> None:
    read = lambda signature: {"x": np.float32([2])}  # noqa: E731
    with pytest.raises(ServingError, match=words):
        server.wait(operations.predict(Asked("half"), read, names))


def test_examples_are_counted(server, operations) -> None:
    counter = operations.metrics.examples
    before = counter._values.get(("half",), 0)
    read = lambda signature: {"x": np.float32([1, 2, 3])}  # noqa: E731
    server.wait(operations.predict(Asked("half"), read))
    assert counter._values["half",] == before + 3
