"""What the doctor finds, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from perceiver_keras import cli
from perceiver_keras.commands.shared import checks


def test_here_nothing_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.main, ["doctor", "--run-dir", str(tmp_path / "new"), "--json"])
    told = json.loads(result.stdout)
    assert told["ok"] and result.exit_code == 0
    states = {finding["what"]: finding["state"] for finding in told["findings"]}
    assert states["Python"] == states["tensorflow"] == states["run folder"] == "ok"
    assert states["devices"] == "ok"
    assert not (tmp_path / "new").exists()


def test_a_missing_package_is_named_with_what_brings_it(monkeypatch) -> None:
    real = checks.installed
    gone = {"tensorflow-addons", "tfx"}
    monkeypatch.setattr(checks, "installed", lambda name: None if name in gone else real(name))
    monkeypatch.setattr(checks, "devices", lambda: iter(()))
    result = CliRunner().invoke(cli.main, ["doctor"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    [line] = [i for i, text in enumerate(lines) if text.startswith("MISSING tensorflow-addons")]
    assert "pip install perceiver-keras" in lines[line + 1]
    assert "perceiver-keras[pipeline]" in result.stdout
    assert lines[-1] == "Missing: tensorflow-addons."
