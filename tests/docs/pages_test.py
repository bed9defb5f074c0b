"""What the pages say is so: generated ones are current, named files and commands exist, numbers agree."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from perceiver_keras import cli
from perceiver_keras.tasks import registry


def read(repository: Path, name: str) -> str:
    return (repository / name).read_text(encoding="utf-8")


def test_sources_is_what_the_presets_say(repository: Path) -> None:
    made = CliRunner().invoke(cli.main, ["presets", "--markdown"]).stdout
    assert read(repository, "docs/sources.md") == made, (
        "run: perceiver presets --markdown > docs/sources.md"
    )


def test_the_readme_has_every_command_and_every_task(repository: Path) -> None:
    page = read(repository, "README.md")
    rows = [line for line in page.splitlines() if line.startswith("| `perceiver ")]
    named = re.findall(r"`perceiver (\w+)", " ".join(rows))
    assert sorted(named) == sorted(row.name for row in cli.COMMANDS)
    assert all(f"| `{name}` |" in page for name in registry.names())


def test_every_task_has_an_example(repository: Path) -> None:
    scripts = {path.stem for path in (repository / "examples").glob("*.py")}
    assert set(registry.names()) <= scripts


@pytest.mark.parametrize("page", ["README.md", "docs/data_path.md", "docs/serving.md"])
def test_files_that_a_page_names_exist(repository: Path, page: str) -> None:
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", read(repository, page))
    places = [repository, repository / "perceiver_keras"]
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    assert missing == []


def test_the_glossary_s_numbers_are_the_tiny_preset_s(repository: Path) -> None:
    from tensorflow import keras

    task = registry.get("image_classification")
    config = task.preset("tiny").config
    model = task.build(config).build_all()
    encode = config.model.encode
    array = model.preprocess(keras.Input([*config.model.image_size, config.model.channels]))
    values = {
        "B": config.data.batch_size,
        "M": array.shape[1],
        "C": array.shape[2],
        "N": encode.num_latents,
        "D": encode.latent_dim,
        "O": 1,
        "Q": config.model.query_dim,
        "E": config.model.num_classes,
    }
    rows = re.findall(r"^\| (\w) \|.*\| ([\d +]+) \|$", read(repository, "docs/glossary.md"), re.M)
    told = {letter: sum(map(int, sums.split("+"))) for letter, sums in rows}
    assert told == values


def test_the_changelog_begins_with_what_is_not_released(repository: Path) -> None:
    titles = re.findall(r"^## \[(.+?)\]", read(repository, "CHANGELOG.md"), re.M)
    assert titles[0] == "Unreleased"


def test_the_classification_example_runs(repository, tmp_path, monkeypatch, capsys) -> None:
    script = repository / "examples" / "image_classification.py"
    monkeypatch.setattr("sys.argv", [str(script), "--steps", "4", "--folder", str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    said = capsys.readouterr().out
    assert "'accuracy'" in said and "is said to be:" in said
    assert len(re.findall(r"^  \d  [\d.]+%$", said, re.M)) == 3
    assert (tmp_path / "preset" / "model.weights.h5").exists()
