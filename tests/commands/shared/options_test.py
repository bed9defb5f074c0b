"""Models and settings that a command's arguments name: preset folders, run folders, files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from perceiver_keras.commands.shared import options
from perceiver_keras.errors import PerceiverError, UsageError
from tests.commands.command_line import TASK


def test_a_preset_folder_is_read_with_its_settings(trained: dict) -> None:
    folder = Path(trained["model"])
    task, config, found = options.read_preset_folder(folder, TASK, ("data.max_examples=3",))
    assert (task.name, config.data.max_examples, found) == (TASK, 3, folder)
    assert config.train.seed == 5 and options.read_about(found)["preset"] == "tiny"


def test_of_a_run_folder_the_model_is_taken_and_named(
    trained: dict, tmp_path: Path, capsys
) -> None:
    shutil.copytree(trained["model"], tmp_path / "run" / "preset")
    assert options.read_preset_folder(tmp_path / "run")[2] == tmp_path / "run" / "preset"
    assert f"Taking {tmp_path / 'run' / 'preset'}" in capsys.readouterr().err


def test_what_is_no_model_or_another_s_is_refused(trained: dict, tmp_path: Path) -> None:
    folder = Path(trained["model"])
    with pytest.raises(UsageError, match="holds a model for image_classification, not for glue"):
        options.read_preset_folder(folder, "glue")
    with pytest.raises(UsageError, match="model.num_classes=3: the model and train settings"):
        options.read_preset_folder(folder, TASK, ("model.num_classes=3",))
    with pytest.raises(PerceiverError, match="is not a folder; name a run folder"):
        options.read_preset_folder(tmp_path / "none")
    with pytest.raises(PerceiverError, match="is not a preset folder: it lacks"):
        options.read_preset_folder(tmp_path)


def test_a_yaml_file_may_say_numbers_as_people_do(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("train: {learning_rate: 1e-3, jit_compile: on}\n")
    ((name, tree),) = options.read_config_files((file,))
    assert name == str(file)
    assert tree == {"train": {"learning_rate": 0.001, "jit_compile": "on"}}
