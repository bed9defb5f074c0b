"""A run whose validation split is a part of its training split: nothing is trained, and a page shows why."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline.dag_runner import ComponentFailed, ResumableDagRunner
from perceiver_keras.pipeline.local_runner import run
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.pipeline.stopped import show_data

pytestmark = [pytest.mark.tfx, pytest.mark.slow]

LEAKS = ("data.train_split=train[:200]", "data.validation_split=train[100:200]")


def settings(folder: Path, *overrides: str) -> PipelineSettings:
    return PipelineSettings.create("image_classification", run_dir=folder, overrides=overrides)


def test_the_page_shows_what_stopped_the_run(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(PerceiverError) as stopped:
        run(settings(tmp_path, *LEAKS, "data.test_split=test[:80]"), said.append)
    page = tmp_path / "data_report.html"
    for words in ("ExampleValidator: The data has", "100 of 100", f"The examples are in {page}."):
        assert words in str(stopped.value)
    assert not any("Transform" in line for line in said)
    shown = page.read_text()
    assert "train and validation" in shown and "data:image/png" in shown
    assert "perceiver schema accept" in shown
    assert not (tmp_path / "unfinished.json").exists()


def test_nothing_is_shown_of_a_run_that_something_else_stopped(tmp_path: Path) -> None:
    runner = ResumableDagRunner("a run", print)
    for component in ("Trainer", "ExampleValidator"):
        assert show_data(settings(tmp_path), runner, ComponentFailed(component)) == ""
    assert not list(tmp_path.iterdir())
