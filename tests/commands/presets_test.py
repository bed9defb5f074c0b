"""`perceiver presets`: one row per preset, for people, as JSON and as the page docs/sources.md."""

from __future__ import annotations

import json

import pytest

from perceiver_keras.tasks import registry
from tests.commands.command_line import invoke, refused, told


@pytest.mark.parametrize("name", registry.names())
def test_every_preset_of_a_task_has_a_row_with_its_own_numbers(name: str) -> None:
    rows = told("presets", name)["presets"]
    presets = registry.get(name).presets
    assert {row["preset"] for row in rows} == set(presets)
    assert [row["preset"] for row in rows] == sorted(row["preset"] for row in rows)
    for row in rows:
        config, source = presets[row["preset"]].config, presets[row["preset"]].source
        encode = config.model.encode
        assert row["latents"] == f"{encode.num_latents} x {encode.latent_dim}"
        assert (row["steps"], row["dataset"]) == (config.train.steps, config.data.dataset)
        assert row["source"] == source


def test_the_page_has_a_table_of_each_task_and_a_line_of_each_row() -> None:
    rows = told("presets")["presets"]
    page = invoke("presets", "--markdown").stdout
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == list(
        dict.fromkeys(row["task"] for row in rows)
    )
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in lines] == [row["preset"] for row in rows]


def test_people_see_the_same_rows() -> None:
    head, *lines = invoke("presets", "glue").stdout.splitlines()
    assert head.split()[:2] == ["TASK", "PRESET"]
    assert [line.split()[:2] for line in lines] == [
        [row["task"], row["preset"]] for row in told("presets", "glue")["presets"]
    ]


def test_an_unknown_task_is_named_with_the_nearest() -> None:
    refused("presets", "gleu", code=2, words="Did you mean 'glue'?")
    assert json.loads(invoke("presets", "gleu", "--json", code=2).stdout)["exit_code"] == 2
