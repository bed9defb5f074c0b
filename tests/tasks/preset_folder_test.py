"""Preset folders: whole or absent, with everything in them, and readable errors where they are damaged.

`contract_test.py` writes and loads one of every task.
"""

from __future__ import annotations

import hashlib
import json
import os

import pytest

import perceiver_keras as pk
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import preset_folder


@pytest.fixture(scope="module")
def model():
    return pk.ImageClassifier.from_preset("tiny", encode__num_latents=2)


@pytest.fixture
def folder(model, tmp_path):
    folder = tmp_path / "digits"
    labels = [str(i) for i in range(10)]
    preset_folder.write(folder, model, model.task_config, "tiny", labels)
    return folder


def test_what_is_written_is_read(model, folder):
    config, about = preset_folder.read(folder)
    assert config == model.task_config
    assert about == {
        "task": "image_classification",
        "preset": "tiny",
        "labels": [str(i) for i in range(10)],
        "sha256": {
            "model.weights.h5": hashlib.sha256(
                (folder / "model.weights.h5").read_bytes()
            ).hexdigest()
        },
    }
    card = (folder / "README.md").read_text()
    assert f"Parameters: {model.count_params():,}" in card and "Classes: 10 (0, 1, 2" in card


def test_a_failed_write_leaves_the_old_folder(model, folder, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(preset_folder, "write_json", full)
    with pytest.raises(PerceiverError, match="digits: no space left on the disk"):
        preset_folder.write(folder, model, model.task_config, "other", None)
    assert preset_folder.is_preset_folder(folder)
    assert preset_folder.read(folder)[1]["preset"] == "tiny"
    monkeypatch.undo()
    preset_folder.write(folder, model, model.task_config, "other", None)
    assert preset_folder.read(folder)[1]["preset"] == "other"
    assert os.listdir(folder.parent) == ["digits"]


ABOUT = {"task": "image_classification", "preset": "tiny", "labels": None}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "{}",
        b"\xff",
        "[]",
        "[" * 100_000,
        *(
            json.dumps(ABOUT | wrong)
            for wrong in (
                {"task": []},
                {"task": 1},
                {"preset": {}},
                {"labels": "ab"},
                {"labels": [[]]},
                {"sha256": "ab"},
            )
        ),
    ],
)
def test_a_damaged_description_is_named(folder, content):
    path = folder / "task.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PerceiverError, match="task.json is damaged"):
        preset_folder.read(folder)


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000])
def test_a_damaged_configuration_is_named(folder, content):
    (folder / "config.json").write_bytes(content)
    with pytest.raises(PerceiverError, match="config.json is damaged"):
        preset_folder.read(folder)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_flipped_bit_of_the_weights_is_noticed(model, folder, place):
    path = folder / "model.weights.h5"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(
        PerceiverError, match="model.weights.h5 is damaged: it is not the file that was written"
    ):
        pk.load(folder)
    about = json.loads((folder / "task.json").read_text())
    del about["sha256"]  # as earlier versions wrote it
    (folder / "task.json").write_text(json.dumps(about))
    path.write_bytes(bytes(content[:100]))
    with pytest.raises(PerceiverError, match="model.weights.h5 don't fit"):
        pk.load(folder)


def test_another_vocabulary_is_noticed(folder):
    path = folder / "sentencepiece.model"
    path.write_bytes(b"pieces")
    about = json.loads((folder / "task.json").read_text())
    about["sha256"][path.name] = hashlib.sha256(b"pieces").hexdigest()
    (folder / "task.json").write_text(json.dumps(about))
    preset_folder.read(folder)
    path.write_bytes(b"pieces.")
    with pytest.raises(PerceiverError, match="sentencepiece.model is damaged: .*SHA-256"):
        preset_folder.read(folder)


def test_all_missing_files_are_named(folder):
    (folder / "task.json").unlink()
    (folder / "model.weights.h5").unlink()
    assert not preset_folder.is_preset_folder(folder)
    with pytest.raises(PerceiverError, match="it lacks task.json, model.weights.h5"):
        preset_folder.read(folder)


def test_a_task_or_setting_of_another_version_is_named(folder):
    about = json.loads((folder / "task.json").read_text())
    (folder / "task.json").write_text(json.dumps(about | {"task": "image_clasification"}))
    with pytest.raises(UsageError, match="Did you mean 'image_classification'"):
        preset_folder.read(folder)
    (folder / "task.json").write_text(json.dumps(about))
    config = json.loads((folder / "config.json").read_text())
    config["train"]["stepz"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="'train.stepz'"):
        preset_folder.read(folder)


def test_weights_of_another_model_do_not_fit(folder):
    wider = pk.ImageClassifier.from_preset("tiny", encode__num_latents=3)
    with pytest.raises(PerceiverError, match="model.weights.h5 don't fit"):
        preset_folder.load_weights(wider, folder)
    with pytest.raises(PerceiverError, match="No weights at .*nothing.weights.h5"):
        preset_folder.load_weights(wider, folder / "nothing.weights.h5")
