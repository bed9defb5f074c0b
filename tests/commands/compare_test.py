"""`perceiver compare`: two runs next to each other."""

from __future__ import annotations

from pathlib import Path

from tests.commands.command_line import invoke, refused, told
from tests.pushed_runs import Runs, verdict


def test_two_runs_and_two_versions_are_compared(tmp_path: Path) -> None:
    one, other = Runs(tmp_path / "one"), Runs(tmp_path / "other")
    one.push(100, verdict=verdict(0.7))
    other.push(100, verdict=verdict(0.9))
    other.push(200, verdict=verdict(0.9), config={"train": {"steps": 20}})
    said = invoke("compare", one.folder, other.folder).stdout
    assert f"First:   {one.folder}, version 100" in said
    assert f"Second:  {other.folder}, version 200" in said
    assert "train.steps" in said and "second" in said
    assert "Both were judged by the same test examples." in said
    found = told("compare", other.folder / "pushed" / "100", other.folder / "pushed" / "200")
    assert found["settings"]["train.steps"] == [10, 20] and found["metrics"][0]["difference"] == 0


def test_a_folder_without_a_run_is_a_line(tmp_path: Path) -> None:
    refused("compare", tmp_path, tmp_path, code=2, words="name a folder of `perceiver run`")
