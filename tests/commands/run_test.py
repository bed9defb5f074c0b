"""`perceiver run` around the pipeline: what is refused before it starts, what is said after it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from perceiver_keras import cli
from perceiver_keras.commands import run
from perceiver_keras.errors import UsageError
from tests.commands.run_record import TASK, record


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "train.stebs=3"], "Did you mean 'train.steps'?"),
        (["--set", "train.steps=three"], "train.steps: expected int, got 'three'"),
        (["--preset", "tinny"], "Did you mean 'tiny'?"),
        (["--config", "none.yaml"], "none.yaml: no such file"),
        (["--set", "steps"], "write it as key=value"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_made(arguments, words, tmp_path) -> None:
    folder = tmp_path / "run"
    result = CliRunner().invoke(cli.main, ["run", TASK, *arguments, "--run-dir", str(folder)])
    assert result.exit_code == 2
    assert words in result.stderr and result.stderr.count("\n") == 1
    assert not folder.exists()


def test_without_a_tpu_nothing_is_read_or_made(tmp_path) -> None:
    """The Trainer would find it out only after the data was read, checked and transformed."""
    folder = tmp_path / "run"
    wanted = ("--set", "train.strategy=tpu", "--set", "train.tpu=local")
    result = CliRunner().invoke(cli.main, ["run", TASK, *wanted, "--run-dir", str(folder)])
    assert result.exit_code == 1
    assert "no TPU was found (this TensorFlow is built without TPUs)" in result.stderr
    assert result.stderr.count("\n") == 1 and not folder.exists()


def test_a_pushed_run_says_where_everything_is_and_what_to_do_next(capsys) -> None:
    run.summary(record(), Path("r"), {"answer": [{"label": "7"}]})
    said = capsys.readouterr().out
    first = said.splitlines()[2].split()
    assert first == ["accuracy", "0.98", "0.97", "0.1004"]
    for words in ("Blessed and pushed.", '[{"label": "7"}]', "seed      3", "r/report.html"):
        assert words in said
    assert f"perceiver predict {TASK} FILE --model r/pushed/17" in said


def test_the_next_commands_can_be_typed_where_a_folder_has_a_blank(capsys) -> None:
    run.summary(record(pushed_model="my runs/pushed/17"), Path("my runs"), None)
    said = capsys.readouterr().out
    assert f"perceiver predict {TASK} FILE --model 'my runs/pushed/17'\n" in said
    assert "perceiver report 'my runs' --open\n" in said


def test_a_refused_run_says_why(capsys) -> None:
    refused = record(
        blessed=False,
        pushed_model=None,
        refused_because=["accuracy is 0.1."],
        checks=[{"name": "training and serving", "passed": None, "text": "On 12 of 269 examples."}],
        next_steps=[{"words": "Train longer:", "command": "perceiver run x --set train.steps=9"}],
    )
    run.summary(refused, Path("r"), None)
    said = capsys.readouterr().out
    assert "Trained, but not blessed; nothing was pushed.\n  accuracy is 0.1." in said
    assert "perceiver predict" not in said and "On 12 of 269 examples." in said
    assert "Next:\n  Train longer:\n    perceiver run x --set train.steps=9\n" in said


def test_beam_arguments_are_spelled_as_beam_takes_them() -> None:
    assert run.beam_arguments(None, ()) == ()
    assert run.beam_arguments("FlinkRunner", ("flink_master=localhost:8081", "--streaming")) == (
        "--runner=FlinkRunner",
        "--flink_master=localhost:8081",
        "--streaming",
    )
    with pytest.raises(UsageError, match="neither KEY nor KEY=VALUE"):
        run.beam_arguments(None, ("--",))


@pytest.mark.tfx
def test_a_dry_run_does_without_the_seconds_of_a_damaged_record(tmp_path, monkeypatch) -> None:
    from perceiver_keras.pipeline import forecast

    monkeypatch.setattr(forecast, "forecast", lambda settings: {"Trainer": "runs"})
    settings = SimpleNamespace(run_dir=tmp_path, folder=lambda name: tmp_path / name)

    def last_seconds(text: str) -> float | None:
        (tmp_path / "run.json").write_text(text)
        (row,) = run.show_components(settings, {"data": {"prepared": True}})
        return row["last_seconds"]

    assert last_seconds('{"seconds": {"Trainer": 2.5}}') == 2.5
    assert [last_seconds(text) for text in ("", "[]", "null", '{"seconds"')] == [None] * 4
