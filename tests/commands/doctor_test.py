"""What the doctor finds, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from perceiver_keras import cli, stack
from perceiver_keras.commands.shared import checks
from perceiver_keras.commands.shared.import_check import Imported


def test_here_nothing_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.main, ["doctor", "--run-dir", str(tmp_path / "new"), "--json"])
    told = json.loads(result.stdout)
    assert told["ok"] and result.exit_code == 0
    states = {finding["what"]: finding["state"] for finding in told["findings"]}
    assert states["Python"] == states["tensorflow"] == states["run folder"] == "ok"
    assert states["devices"] == states["pipeline"] == states["versions"] == "ok"
    assert "broken" not in states.values()
    assert not (tmp_path / "new").exists()


def test_a_missing_package_is_named_with_what_brings_it(monkeypatch) -> None:
    real = checks.installed
    *_, needed = stack.packages()
    monkeypatch.setattr(
        checks, "installed", lambda name: None if name in (needed, "tfx") else real(name)
    )
    result = invoke_without_importing(monkeypatch)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    [line] = [i for i, text in enumerate(lines) if text.startswith(f"MISSING {needed}")]
    assert f"pip install '{needed}" in lines[line + 1]
    assert "perceiver-keras[pipeline]" in result.stdout
    assert lines[-1] == f"Missing: {needed}."


def test_a_broken_library_is_named_with_the_command_and_the_exit_code_is_1(monkeypatch) -> None:
    error = "ImportError: cannot import name 'runtime_version'"
    bad = Imported("tensorflow_datasets.core", error, "tensorflow-metadata")
    result = invoke_without_importing(monkeypatch, bad)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    [line] = [i for i, text in enumerate(lines) if text.startswith("BROKEN  tensorflow-datasets")]
    assert (
        f"{error} (in tensorflow-metadata {checks.installed('tensorflow-metadata')})" in lines[line]
    )
    assert "pip install" in lines[line + 1] and "tensorflow-metadata==" in lines[line + 1]
    assert lines[-1] == "Broken: tensorflow-datasets."


def test_a_broken_extra_counts_and_one_that_is_not_there_does_not(monkeypatch) -> None:
    result = invoke_without_importing(monkeypatch, Imported("tfx.v1", "ImportError: broken"))
    assert result.exit_code == 1 and result.stdout.splitlines()[-1] == "Broken: tfx."
    real = checks.installed
    monkeypatch.setattr(
        checks, "installed", lambda n: None if n in checks.EXTRAS["pipeline"] else real(n)
    )
    result = invoke_without_importing(monkeypatch)
    assert result.exit_code == 0 and "without apache-beam" in result.stdout


def invoke_without_importing(monkeypatch, *bad: Imported) -> Result:
    """The command, as if every library but these had been imported."""
    found = {result.module: result for result in bad}

    def import_all(*chains):
        return {module: found.get(module, Imported(module)) for chain in chains for module in chain}

    monkeypatch.setattr(checks, "import_all", import_all)
    return CliRunner().invoke(cli.main, ["doctor"])
