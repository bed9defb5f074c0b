"""`perceiver export`: a version folder with its signatures and warm-up requests, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.commands import export as export_command
from perceiver_keras.config_tree import override
from perceiver_keras.serve import Servable
from perceiver_keras.tasks import registry
from tests.commands.command_line import refused, told


def test_the_answer_names_the_version_and_its_signatures(export: dict, exported: Path) -> None:
    assert export["saved_model"] == str(exported / "3")
    assert export["signatures"]["serving_default"] == {
        "inputs": ["image_bytes"],
        "outputs": ["label", "probabilities"],
    }
    assert set(export["signatures"]) == set(tf.saved_model.load(exported / "3").signatures)
    assert (exported / "3" / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    about = Servable(str(exported)).task
    assert (about["task"], about["preset"]) == ("image_classification", "tiny")


def test_a_run_folder_is_exported_as_its_model(trained: dict, tmp_path: Path) -> None:
    run_dir = Path(trained["model"]).parent
    exported = told("export", run_dir, tmp_path / "served", "--warmup", "0", "--device", "cpu")
    assert Servable(exported["saved_model"]).task["preset"] == "tiny"


def test_without_a_number_the_version_is_the_time_in_seconds(
    trained: dict, exported: Path, monkeypatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 3.9)
    refused("export", trained["model"], exported, code=1, words=f"{exported / '3'} exists")


def test_where_the_data_set_is_missing_there_are_no_requests_and_a_reason(trained, capsys) -> None:
    config = pk.load(trained["model"]).task_config
    task = registry.get("image_classification")
    assert len(export_command._examples(task, config, 3)) == 3
    assert export_command._examples(task, override(config, "data.dataset=mnist"), 3) == []
    said = capsys.readouterr().err
    assert said.startswith("Without warm-up requests: ") and "tfds build mnist" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{pictures}", "{model}-out"], "lacks config.json"),
        (["{model}", "{served}", "--version", "3"], "choose another --version"),
    ],
)
def test_what_can_go_wrong_is_a_line(trained, exported, pictures, arguments, words) -> None:
    places = {"model": trained["model"], "served": exported, "pictures": pictures}
    refused("export", *(a.format(**places) for a in arguments), code=1, words=words)
    assert not Path(f"{trained['model']}-out").exists()
