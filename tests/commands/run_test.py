"""`run` and `report` around the pipeline: what is refused before it starts, what is said after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from perceiver_keras import cli
from perceiver_keras.commands import run
from perceiver_keras.show import report

TASK = "image_classification"


def record(**changes) -> dict:
    values = {
        "task": TASK,
        "preset": "tiny",
        "overrides": [],
        "seed": 3,
        "versions": {},
        "metrics": {"cross_entropy": 0.2, "accuracy": 0.98},
        "baseline": {"accuracy": 0.1004},
        "thresholds": {"accuracy": 0.97},
        "blessed": True,
        "refused_because": [],
        "pushed_model": "r/pushed/17",
        "report": "r/report.html",
        "seconds": {"Trainer": 1.0},
        "cached": [],
    }
    return {**values, **changes}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "train.stebs=3"], "Did you mean 'steps'?"),
        (["--set", "train.steps=three"], "train.steps: expected int, got 'three'"),
        (["--preset", "tinny"], "Did you mean 'tiny'?"),
        (["--config", "none.yaml"], "none.yaml: there is no such file"),
        (["--set", "steps"], "write it as key=value"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_made(arguments, words, tmp_path) -> None:
    folder = tmp_path / "run"
    result = CliRunner().invoke(cli.main, ["run", TASK, *arguments, "--run-dir", str(folder)])
    assert result.exit_code == 2
    assert words in result.stderr and result.stderr.count("\n") == 1
    assert not folder.exists()


def test_a_pushed_run_says_where_everything_is_and_what_to_do_next(capsys) -> None:
    run.summary(record(), Path("r"), {"answer": [{"label": "7"}]})
    said = capsys.readouterr().out
    first = said.splitlines()[2].split()
    assert first == ["accuracy", "0.98", "0.97", "0.1004"]
    for words in ("Blessed and pushed.", '[{"label": "7"}]', "seed      3", "r/report.html"):
        assert words in said
    assert f"perceiver predict {TASK} FILE --model r/pushed/17" in said


def test_a_refused_run_says_why(capsys) -> None:
    refused = record(blessed=False, pushed_model=None, refused_because=["accuracy is 0.1."])
    run.summary(refused, Path("r"), None)
    said = capsys.readouterr().out
    assert "Trained, but not blessed; nothing was pushed.\n  accuracy is 0.1." in said
    assert "perceiver predict" not in said


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    artifact = tmp_path / "artifacts"
    made = report.Report(task=TASK, config={}, blessed=True, metrics={"accuracy": 0.98})
    report.save(made, {}, artifact)
    values = record(artifacts={"ReportGen": {"report": [str(artifact)]}})
    (tmp_path / "run.json").write_text(json.dumps(values))
    return tmp_path


def test_report_renders_the_page_again_and_says_where_it_is(run_dir: Path) -> None:
    result = CliRunner().invoke(cli.main, ["report", str(run_dir)])
    assert result.exit_code == 0
    assert "blessed; accuracy 0.9800, cross_entropy 0.2000" in result.stdout
    assert (run_dir / "report.html").read_text().startswith("<!doctype html>")
    told = json.loads(CliRunner().invoke(cli.main, ["report", str(run_dir), "--json"]).stdout)
    assert told["report"] == str(run_dir / "report.html") and told["blessed"]


def test_report_of_a_folder_without_a_run_is_a_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.main, ["report", str(tmp_path)])
    assert result.exit_code == 1 and "holds no run" in result.stderr
