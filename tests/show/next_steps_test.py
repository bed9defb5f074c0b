"""Which commands are offered, and that a shell splits them as they are meant."""

from __future__ import annotations

import shlex
from pathlib import Path

from perceiver_keras.show.next_steps import data_steps, next_steps


def commands(**told) -> list[list[str]]:
    return [shlex.split(step["command"]) for step in next_steps(task="glue", **told)]


def test_a_pushed_model_can_be_asked_and_served() -> None:
    ask, serve, longer = commands(
        pushed="runs/a b/pushed/17", preset="tiny", run_dir=Path("runs/a b"), steps=300
    )
    assert ask == ["perceiver", "predict", "glue", "FILE", "--model", "runs/a b/pushed/17"]
    assert serve[-1] == "--model_base_path=runs/a b/pushed"
    assert longer[-4:] == ["--run-dir", "runs/a b", "--set", "train.steps=600"]


def test_a_refused_one_can_be_trained_longer_or_judged_less_strictly() -> None:
    longer, weaker, rebase = commands(thresholds={"accuracy": 0.9}, has_last_blessed=True)
    assert longer[:3] == weaker[:3] == rebase[:3] == ["perceiver", "run", "glue"]
    assert weaker[3:] == ["--set", "evaluate.thresholds.accuracy=0.9"]
    assert rebase[3:] == ["--rebaseline"]
    spaced = commands(thresholds={"accuracy@label=St. John": 0.9})[1]
    assert spaced[3:] == ["--set", "evaluate.thresholds.accuracy@label=St. John=0.9"]
    assert commands() == [longer]  # nothing else is known


def test_after_odd_data_it_can_be_looked_at_accepted_or_trained_on_all_the_same() -> None:
    steps = data_steps(Path("runs/a b"), "glue", "tiny")
    look, accept, again, anyway = (shlex.split(step["command"]) for step in steps)
    assert look == ["perceiver", "schema", "diff", "runs/a b"]
    assert accept == ["perceiver", "schema", "accept", "runs/a b"]
    assert again == ["perceiver", "run", "glue", "--preset", "tiny", "--run-dir", "runs/a b"]
    assert anyway == [*again, "--set", "data.on_anomaly=report"]
