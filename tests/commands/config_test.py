"""`perceiver config`: what it prints is a configuration that `--config` takes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perceiver_keras.config_tree import from_dict, to_dict
from perceiver_keras.tasks import registry
from tests.commands.command_line import TASK, invoke, refused, settings, told


@pytest.mark.parametrize("name", registry.names())
def test_what_is_printed_is_taken_back(name: str, tmp_path: Path) -> None:
    changes = settings("train.steps=7", "train.learning_rate=1e-7", "train.jit_compile=on")
    task = registry.get(name)
    preset = list(task.presets)[-1]  # another one than the default, if there are several
    file = tmp_path / "mine.yaml"
    file.write_text(invoke("config", name, "--preset", preset, *changes).stdout)
    again = told("config", name, "--config", file)
    wanted = task.configure(preset, overrides=changes[1::2])
    assert from_dict(task.config_class, again["config"]) == wanted
    assert again["preset"] == "tiny"


def test_json_has_the_settings_with_their_meaning() -> None:
    answered = told("config", TASK, "--seed", "3")
    assert answered["config"]["train"]["seed"] == 3
    row = next(s for s in answered["settings"] if s["key"] == "model.encode.num_latents")
    assert (row["value"], row["type"], row["unit"]) == (16, "int", "latents")
    assert row["meaning"].startswith("N,") and row["default"] is None


def test_describe_is_a_table_of_the_same() -> None:
    shown = invoke("config", TASK, "--describe").stdout
    assert shown.splitlines()[0].split() == ["SETTING", "VALUE", "TYPE", "UNIT", "MEANING"]
    line = next(line for line in shown.splitlines() if line.startswith("train.warmup_steps"))
    assert line.split()[1:4] == ["200", "int", "steps"]


def test_the_page_is_current(repository: Path) -> None:
    made = invoke("config", "--markdown").stdout
    assert (repository / "docs" / "settings.md").read_text() == made, (
        "run: perceiver config --markdown > docs/settings.md"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name a TASK"),
        ([TASK, "--set", "num_latent=3"], "Did you mean 'model.encode.num_latents'?"),
        ([TASK, "--set", "evaluate.thresholds.acuracy=1"], "Did you mean 'accuracy'?"),
        ([TASK, "--preset", "tinny"], "Did you mean 'tiny'?"),
    ],
)
def test_a_wrong_request_is_a_line(arguments: list[str], words: str) -> None:
    refused("config", *arguments, code=2, words=words)


def test_the_tree_is_whole() -> None:
    config = registry.get(TASK).preset("tiny").config
    assert told("config", TASK)["config"] == json.loads(json.dumps(to_dict(config)))
