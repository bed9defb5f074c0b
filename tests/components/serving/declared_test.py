"""Files of a model that contradict each other or the data; good ones are those that the project itself writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perceiver_keras.components.serving.declared import contradiction
from perceiver_keras.tasks import registry

CLASSES = [f"c{n}" for n in range(10)]


@pytest.fixture(scope="module")
def preset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "preset"
    task = registry.get("image_classification")
    config = task.preset("tiny").config
    task.build(config).save_to_preset(
        folder, task_config=config, preset="tiny", labels=list(CLASSES)
    )
    return folder


def export(folder: Path, **about) -> str:
    """What `contradiction` reads of an export."""
    (folder / "assets.extra").mkdir()
    declared = {"task": "image_classification", "labels": CLASSES} | about
    (folder / "assets.extra" / "task.json").write_text(json.dumps(declared))
    return str(folder)


def test_what_is_of_one_run_agrees(preset: Path, tmp_path: Path) -> None:
    assert contradiction(export(tmp_path), preset, CLASSES) is None


def test_a_model_without_our_files_and_data_without_classes_have_nothing_to_compare(
    preset: Path, tmp_path: Path
) -> None:
    assert contradiction(str(tmp_path), preset, CLASSES) is None
    assert contradiction(export(tmp_path), preset, None) is None


def test_a_trained_model_of_another_task_than_the_export_is_named(
    preset: Path, tmp_path: Path
) -> None:
    found = contradiction(export(tmp_path, task="optical_flow"), preset, CLASSES)
    assert (
        found == "the trained model is of image_classification, and the export is of optical_flow"
    )


def test_names_in_another_order_are_told_with_the_first_that_differs(
    preset: Path, tmp_path: Path
) -> None:
    swapped = [*CLASSES[:4], "c5", "c4", *CLASSES[6:]]
    found = contradiction(export(tmp_path), preset, swapped)
    assert found.startswith("the trained model names the classes in another order than the data, ")
    assert "class 4 is 'c4', and in the data 'c5' (2 of 10 differ)" in found


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["other", *CLASSES[1:]], "names the classes otherwise than the data"),
        (CLASSES[:9], "names 9 classes, and the data 10"),
        (None, "names 0 classes, and the data 10"),
    ],
)
def test_names_of_the_export_alone(preset: Path, tmp_path: Path, labels, words: str) -> None:
    found = contradiction(export(tmp_path, labels=labels), preset, CLASSES)
    assert found.startswith(f"the export {words}")


def test_files_that_are_damaged_are_the_reason(preset: Path, tmp_path: Path) -> None:
    folder = export(tmp_path)
    assert "is not a preset folder" in contradiction(folder, tmp_path, CLASSES)
    (tmp_path / "assets.extra" / "task.json").write_text('{"task": ')
    told = contradiction(folder, preset, CLASSES)
    assert "task.json is damaged" in told and "export or push the model again" in told
