"""`perceiver lineage`: as text, as JSON and as a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.command_line import invoke, refused, told
from tests.pushed_runs import Runs, verdict


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    runs = Runs(tmp_path / "run")
    runs.push(100, verdict=verdict(0.9))
    return runs


@pytest.mark.parametrize("below", ["", "pushed", "pushed/100", "blessed/100"])
def test_each_way_to_name_a_version_leads_to_it(runs: Runs, below: str) -> None:
    said = invoke("lineage", runs.folder / below).stdout
    assert said.startswith("image_classification (tiny), version 100")
    assert "perceiver_digits" in said and "accuracy  0.9 (0.8581 to 0.9419)" in said


def test_json_and_a_picture(runs: Runs, tmp_path: Path) -> None:
    picture = tmp_path / "lineage.svg"
    found = told("lineage", runs.folder, "-o", picture)
    assert found["push"]["version"] == "100" and found["data"]["examples"]["test"] == 100
    assert found["picture"] == str(picture) and "<svg" in picture.read_text()


def test_wrong_places_and_formats_are_lines(runs: Runs, tmp_path: Path) -> None:
    refused("lineage", tmp_path, code=2, words="name a folder of `perceiver run`")
    refused("lineage", runs.folder / "pushed" / "7", code=1, words="know no version 7")
    refused("lineage", runs.folder, "-o", "lineage.bmp", code=2, words=".png, .svg or .pdf")
    refused("lineage", runs.folder, "--metadata", "x://y", code=2, words="mysql://USER")
