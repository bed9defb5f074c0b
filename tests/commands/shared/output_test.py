"""Tables and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from perceiver_keras.commands.shared import output


def test_columns_line_up_and_numbers_stand_right() -> None:
    text = output.table(("NAME", "STEPS"), [("tiny", 3000), ("a longer one", 7)])
    assert text == "NAME          STEPS\ntiny          3,000\na longer one      7"


def test_an_empty_table_is_its_head() -> None:
    assert output.table(("A", "B"), []) == "A  B"


def test_numpy_and_paths_become_plain_json(capsys) -> None:
    with output.answers_only(True) as answer:
        answer({"a": np.float32(0.5), "b": np.arange(2), "c": Path("x"), "d": b"\xc3\xa4"})
    assert json.loads(capsys.readouterr().out) == {"a": 0.5, "b": [0, 1], "c": "x", "d": "ä"}


def test_without_json_an_answer_is_not_printed(capsys) -> None:
    with output.answers_only(False) as answer:
        answer({"a": 1})
        output.say("for people")
    assert capsys.readouterr().out == "for people\n"
