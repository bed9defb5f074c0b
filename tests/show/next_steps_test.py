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


AGAIN = ["perceiver", "run", "glue", "--preset", "tiny", "--run-dir", "runs/a b"]


def refused(*names: str, text: str = "", **more) -> list[list[str]]:
    """The commands after checks of these names refused a model."""
    checks = [{"name": name, "passed": False, "text": text} for name in names]
    passed = [{"name": "last blessed accuracy", "passed": True, "text": ""}]
    evaluated = {
        "metrics": {"accuracy": {"value": 0.93456}, "loss": {"value": 0.20013}},
        "difference": {"accuracy": {"value": -0.0301}},
        "slices": [
            {"slice": "label=St. John", "metrics": {"accuracy": {"value": 0.5}}},
            {
                "slice": "label=b",
                "metrics": {"accuracy": {"value": 0.75}},
                "difference": {"accuracy": {"value": -0.2}, "loss": {"value": -9.0}},
            },
        ],
    }
    verdict = {
        "checks": [*checks, *(passed if "last blessed accuracy" not in names else ())],
        "evaluated": evaluated,
        "lower_is_better": ["loss"],
        "trivial": {"accuracy": 0.6},
    }
    config = {
        "train": {"steps": 300, "learning_rate": 0.004, "seed": 3},
        "evaluate": {"thresholds": {"accuracy": 0.95}},
    }
    given = {"preset": "tiny", "run_dir": Path("runs/a b"), "steps": 300}
    return commands(verdict=verdict, config=config, **(given | more))


def test_a_missed_threshold_can_be_reached_or_lowered_to_what_was_reached() -> None:
    longer, lower = refused("threshold accuracy")
    assert longer == [*AGAIN, "--set", "train.steps=600"]
    assert lower == [*AGAIN, "--set", "evaluate.thresholds.accuracy=0.934"]  # not above 0.93456
    assert refused("threshold loss")[1][-1] == "evaluate.thresholds.loss=0.201"  # not below
    of_slice = refused("threshold accuracy@label=St. John")[1]
    assert of_slice[-1] == "evaluate.thresholds.accuracy@label=St. John=0.5"
    assert refused("threshold accuracy@label")[1][-1] == "evaluate.thresholds.accuracy@label=0.5"
    assert len(refused(*(f"threshold accuracy@label={n}" for n in "bbbbb"))) == 4


def test_what_a_guess_reaches_or_was_not_measured_is_no_threshold() -> None:
    assert refused("trivial guess accuracy") == [[*AGAIN, "--set", "train.steps=600"]]
    assert len(refused("threshold accuracy@label=z")) == 1
    assert len(refused("threshold f1")) == 1


def test_a_model_worse_than_the_last_blessed_can_be_compared_allowed_or_taken_as_new(
    tmp_path: Path,
) -> None:
    for version in ("9", "10", "left"):
        (tmp_path / "pushed" / version).mkdir(parents=True)
    for name in ("last blessed accuracy", "slices"):
        compare, allow, rebase = refused(name, run_dir=tmp_path)
        assert compare == ["perceiver", "compare", f"{tmp_path}/pushed/10", str(tmp_path)]
        assert allow[-2:] == ["--set", "evaluate.allowed_drop=0.2"]  # of the worst slice
        assert rebase[-1] == "--rebaseline"
    look, rebase = refused("same data")
    assert look == ["perceiver", "schema", "diff", "runs/a b"] and rebase[-1] == "--rebaseline"


def test_a_model_that_costs_too_much_can_be_allowed_to() -> None:
    text = (
        "It does not serve: evaluate.max_latency_ms is 0.001 and it takes 1.951 ms, 95th percentile"
    )
    raised = [*AGAIN, "--set", "evaluate.max_latency_ms=2.44"]
    assert refused("serving", text=text) == [raised]
    text += "; evaluate.max_size_mb is 0.1 and it takes 2 MiB on disk"
    assert refused("serving", text=text) == [[*raised, "--set", "evaluate.max_size_mb=2.5"]]
    slower = "evaluate.max_slowdown is 3 and it takes 10.02 times the one-example latency"
    assert refused("serving", text=slower)[0][-1] == "evaluate.max_slowdown=12.6"
    differs = refused("serving", text="It does not serve: serving differs from training")
    assert differs == [["perceiver", "report", "runs/a b", "--open"]]


def test_of_a_run_without_a_verdict_less_is_known() -> None:
    longer, rebase = commands(has_last_blessed=True)
    assert longer[-1] == "train.steps=2000" and rebase[-1] == "--rebaseline"


def test_answers_that_are_no_numbers_and_a_model_that_was_taken_back() -> None:
    (smaller,) = refused("finite numbers")
    assert smaller[-4:] == ["--set", "train.learning_rate=0.002", "--set", "train.clip_norm=1"]
    assert refused("not taken back") == [[*AGAIN, "--seed", "4"]]


def test_a_run_is_repeated_with_all_of_its_settings(tmp_path: Path) -> None:
    """Those of --set, --config and --data alike, which RUN_DIR/config.json has."""
    (tmp_path / "config.json").write_text("{}")
    (longer,) = refused("trivial guess accuracy", run_dir=tmp_path)
    place = longer.index("--config")
    assert longer[place + 1] == str(tmp_path / "config.json") and place < longer.index("--set")
    assert commands() == [["perceiver", "run", "glue", "--set", "train.steps=2000"]]


def test_after_odd_data_it_can_be_looked_at_accepted_or_trained_on_all_the_same() -> None:
    steps = data_steps(Path("runs/a b"), "glue", "tiny")
    look, accept, again, anyway = (shlex.split(step["command"]) for step in steps)
    assert look == ["perceiver", "schema", "diff", "runs/a b"]
    assert accept == ["perceiver", "schema", "accept", "runs/a b"]
    assert again == ["perceiver", "run", "glue", "--preset", "tiny", "--run-dir", "runs/a b"]
    assert anyway == [*again, "--set", "data.on_anomaly=report"]
