"""`perceiver report`: where a finished run stands, and its page rendered again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from perceiver_keras import cli
from perceiver_keras.show import report
from tests.commands.run_record import TASK, record


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


def test_a_rollback_since_the_run_is_told(run_dir: Path) -> None:
    path = run_dir / "run.json"
    again = {"version": "9", "of": "7", "from": "8", "because": "sevens"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rollback": again}))
    result = CliRunner().invoke(cli.main, ["report", str(run_dir)])
    assert "rollback  from 8 to 7 again: sevens" in result.stdout


def test_report_of_a_folder_without_a_run_is_a_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.main, ["report", str(tmp_path)])
    assert result.exit_code == 1 and "holds no run" in result.stderr
