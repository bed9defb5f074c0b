"""`perceiver tasks`: the registry, one line per task, and its classes are those that users import."""

from __future__ import annotations

import perceiver_keras as pk
from tests.commands.command_line import invoke, told


def test_every_task_is_listed_with_a_class_that_can_be_imported() -> None:
    rows = told("tasks")["tasks"]
    for row in rows:
        model = getattr(pk, row["model_class"])
        assert model.task_name == row["name"]
    head, *lines = invoke("tasks").stdout.splitlines()
    assert head.split() == ["TASK", "CLASS", "WHAT"]
    assert [line.split()[:2] for line in lines] == [[r["name"], r["model_class"]] for r in rows]
    assert [line.endswith(row["summary"]) for line, row in zip(lines, rows, strict=True)] == (
        [True] * len(rows)
    )
