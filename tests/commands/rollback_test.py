"""`perceiver rollback`: what it says and answers; `tests/pipeline/rollback_test.py` has what it does."""

from __future__ import annotations

from pathlib import Path

from tests.commands.command_line import invoke, refused, told
from tests.pushed_runs import Runs


def test_it_says_what_it_would_do_and_does_it(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "run")
    runs.push(100)
    runs.push(200)
    said = invoke("rollback", runs.folder, "--dry-run").stdout
    assert "Version 100 would be published, in place of 200." in said
    found = told("rollback", runs.folder, "--because", "sevens")
    assert (found["of"], found["from"], found["taken_back"]) == ("100", "200", ["200"])
    assert found["because"] == "sevens" and Path(found["folder"]).is_dir()
    assert "taken back: version" in invoke("lineage", runs.folder / "pushed" / "200").stdout
    refused("rollback", runs.folder, code=1, words="nothing to go back to")
    refused("rollback", runs.folder, "--to", "7", code=2, words="has pushed no such version")
    refused("rollback", runs.folder / "pushed" / "100", code=2, words="name the run folder")
