"""The model of a run folder: which one is found, what is said, and what is wrong with folders that hold none."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

import perceiver_keras as pk
from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks import preset_folder, registry, run_folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A preset folder of a small untrained classifier."""
    task = registry.get("image_classification")
    config = override(task.preset("tiny").config, "model.process.num_self_attention_layers=1")
    model = task.build(config).build_all()
    return model.save_to_preset(tmp_path_factory.mktemp("saved") / "preset", task_config=config)


def a_run(folder: Path, saved: Path, *versions: int, **record) -> Path:
    """A run folder with blessed versions, and run.json with what is given."""
    for version in versions:
        run_folder.keep_blessed(folder, saved, str(version))
        (folder / "pushed" / str(version)).mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    pushed = str(folder / "pushed" / str(versions[-1])) if versions else None
    written = {"blessed": bool(versions), "pushed_model": pushed, "refused_because": []} | record
    (folder / "run.json").write_text(json.dumps(written))
    return folder


def test_the_newest_blessed_model_is_found_and_named(saved: Path, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", saved, 9, 10)
    (run / "blessed" / ".11.tmp-1").mkdir()  # of a copy that was killed
    (run / "pushed" / "notes").mkdir()
    found = run_folder.find(run)
    assert found.preset == run / "blessed" / "10"
    assert found.saved_model == run / "pushed" / "10"
    assert found.told == f"Taking version 10 of {run}, its newest blessed model."


def test_load_takes_it_and_says_so(saved: Path, tmp_path: Path, caplog) -> None:
    run = a_run(tmp_path / "run", saved, 7)
    with caplog.at_level(logging.WARNING):
        model = pk.load(run)
    assert "Taking version 7" in caplog.text
    again = pk.ImageClassifier.from_preset(run)
    for one, other in zip(model.get_weights(), pk.load(saved).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.count_params() == model.count_params()


def test_what_train_left_is_found(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "run" / "preset")
    found = run_folder.find(tmp_path / "run")
    assert (found.preset, found.saved_model) == (tmp_path / "run" / "preset", None)
    assert "perceiver train" in found.told
    assert run_folder.preset_in(tmp_path / "run", say=str) == found.preset


def test_other_folders_are_left_as_they_are(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()  # anyone's folder of pictures
    for folder in (saved, tmp_path, tmp_path / "none"):
        assert not run_folder.is_run_folder(folder)
        assert run_folder.preset_in(folder, say=pytest.fail) == folder


def test_a_later_run_that_was_refused_is_mentioned(saved: Path, tmp_path: Path) -> None:
    run = a_run(
        tmp_path / "run",
        saved,
        7,
        blessed=False,
        refused_because=["accuracy is 0.2; 0.9 is asked."],
    )
    found = run_folder.find(run)
    assert found.preset == run / "blessed" / "7"
    assert "The last run gave no newer one: it was trained but not blessed" in found.told
    assert "accuracy is 0.2; 0.9 is asked." in found.told


def test_the_artifacts_serve_where_an_older_run_kept_no_copy(saved: Path, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", saved, 7)
    shutil.rmtree(run / "blessed")
    with pytest.raises(PerceiverError, match="no longer its weights"):
        run_folder.preset_in(run)
    trained = run / "artifacts" / "Trainer" / "model" / "3"
    shutil.copytree(saved, trained / "preset")
    record = json.loads((run / "run.json").read_text())
    # Its address is that of the machine and the folder where it ran.
    record["artifacts"] = {"Trainer": {"model": ["/elsewhere/run/artifacts/Trainer/model/3"]}}
    (run / "run.json").write_text(json.dumps(record))
    assert run_folder.find(run).preset == trained / "preset"


def test_a_rollback_is_told_and_may_have_been_killed_half_way(saved: Path, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", saved, 7)
    kept = run / "pushed" / "8" / run_folder.ROLLBACK_FILE
    kept.parent.mkdir(parents=True)
    kept.write_text('{"version": "8", "of": "7", "because": "sevens"}')
    found = run_folder.find(run)  # `blessed/8` is not there yet
    assert (found.saved_model, found.preset) == (run / "pushed" / "8", run / "blessed" / "7")
    assert "Taking version 8 of" in found.told and "version 7 again, because sevens." in found.told
    shutil.copytree(saved, run / "blessed" / "8")
    assert run_folder.find(run).preset == run / "blessed" / "8"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"unfinished.json": "{}"}, "it was stopped, or is still running; run the same command"),
        ({"run.lock": "1"}, "its run failed; .*run.log says why"),
        ({"run.json": "{"}, "run.json is damaged"),
        (
            {"run.json": '{"blessed": false, "refused_because": ["accuracy is 0.2."]}'},
            "not blessed. accuracy is 0.2. Train longer or lower the threshold",
        ),
        ({"training/lock": ""}, "has not finished; run the same `perceiver train`"),
        ({"preset/config.json": "{}"}, "lacks task.json, model.weights.h5"),
    ],
)
def test_a_folder_without_a_usable_model_says_why(files, words: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert run_folder.is_run_folder(tmp_path)
    with pytest.raises(PerceiverError, match=words):
        pk.load(tmp_path)


def test_a_refused_model_can_still_be_named(saved: Path, tmp_path: Path) -> None:
    trained = tmp_path / "run" / "artifacts" / "Trainer" / "model" / "3"
    shutil.copytree(saved, trained / "preset")
    run = a_run(tmp_path / "run", saved, artifacts={"Trainer": {"model": [str(trained)]}})
    with pytest.raises(PerceiverError, match=f"use the refused model itself, {trained}/preset"):
        run_folder.find(run)


def test_a_kept_copy_is_whole_and_outlives_the_artifacts(saved: Path, tmp_path: Path) -> None:
    trained = shutil.copytree(saved, tmp_path / "trained")
    kept = run_folder.keep_blessed(tmp_path / "run", trained, "5")
    shutil.rmtree(trained)
    assert {p.name for p in kept.iterdir()} == {p.name for p in saved.iterdir()}
    preset_folder.read(kept)
    assert run_folder.keep_blessed(tmp_path / "run", tmp_path / "gone", "5") == kept
    assert [p.name for p in kept.parent.iterdir()] == ["5"]
