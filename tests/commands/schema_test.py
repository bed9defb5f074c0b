"""`perceiver schema show`, `diff` and `accept`, as users call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from perceiver_keras import cli

pytestmark = [pytest.mark.tfx, pytest.mark.slow]


def told(*arguments: object) -> str:
    result = CliRunner().invoke(cli.main, ["schema", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_show_diff_and_accept(tmp_path: Path) -> None:
    from tests.components import data_pipeline

    settings = {"data": {"on_anomaly": "stop", "max_drift": 0.1, "batch_size": 64}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    data_pipeline.run(str(tmp_path))
    shown = told("show", tmp_path)
    assert shown.startswith("Accepted since 20") and "was the first that passed" in shown
    words = [" ".join(line.split()) for line in shown.splitlines()]
    assert "image/width whole number always 8, 12, 16" in words
    assert "label name always 4 classes: ant, bee, cow, dog" in words
    assert "data.max_drift = 0.1" in shown and "batch_size" not in shown
    assert "is that of the accepted schema" in told("diff", tmp_path)
    assert told("accept", tmp_path).startswith("Nothing to accept")

    data_pipeline.run(str(tmp_path), "larger")  # stops
    differs = told("diff", tmp_path)
    assert "image/height: 8 becomes 9" in differs
    assert "image/height: 300 of 300 examples of train have 9; accepted is 8." in differs
    assert f"perceiver schema accept {tmp_path}" in differs
    found = json.loads(told("diff", tmp_path, "--json"))
    assert not found["same"] and found["differences"][0]["is"] == [9]
    accepted = json.loads(told("accept", tmp_path, "--because", "larger", "--json"))
    assert accepted["changed"] and accepted["because"] == "larger"
    found = json.loads(told("show", tmp_path, "--json"))["accepted"]
    assert found["accepted_because"] == "larger"
    assert "Accepted by hand since 20" in told("show", tmp_path)

    (tmp_path / "config.json").write_text('{"data": ')
    result = CliRunner().invoke(cli.main, ["schema", "show", str(tmp_path)])
    assert result.exit_code == 1 and f"{tmp_path / 'config.json'} is damaged" in result.stderr


def test_a_folder_without_a_run_is_a_line(tmp_path: Path) -> None:
    for verb in ("show", "diff", "accept"):
        result = CliRunner().invoke(cli.main, ["schema", verb, str(tmp_path)])
        assert result.exit_code == 1 and "has no metadata.sqlite" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_verb_that_is_misspelled_is_wrong_usage() -> None:
    result = CliRunner().invoke(cli.main, ["schema", "acept"])
    assert result.exit_code == 2


def test_no_verb_is_one_line_and_not_the_whole_help() -> None:
    result = CliRunner().invoke(cli.main, ["schema"])
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: No command is given. Name one; perceiver schema --help lists them.\n"
    )
