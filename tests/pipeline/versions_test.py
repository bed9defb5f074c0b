"""Which version a path names, and what the store knows about versions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.pipeline import versions
from perceiver_keras.pipeline.store import open_store
from tests.pushed_runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    runs = Runs(tmp_path / "run")
    runs.push(100)
    runs.push(200)
    runs.refuse()
    return runs


@pytest.mark.parametrize(
    ("below", "version"),
    [("", None), ("pushed", None), ("blessed", None), ("pushed/100", 100), ("blessed/200", 200)],
)
def test_a_path_names_a_run_and_a_version(runs: Runs, below: str, version: int | None) -> None:
    assert versions.locate(runs.folder / below) == (runs.folder, version)


def test_a_version_may_be_gone_from_the_disk(runs: Runs) -> None:
    shutil.rmtree(runs.folder / "pushed" / "100")
    folder, version = versions.locate(runs.folder / "pushed" / "100")
    assert versions.push_of(runs.store, folder, version).model == runs.models[100]


@pytest.mark.parametrize("below", ["pushed/latest", "artifacts", "nothing"])
def test_other_places_are_refused_in_words(runs: Runs, below: str) -> None:
    with pytest.raises(UsageError, match="name a folder of `perceiver run`, or RUN_DIR/pushed"):
        versions.locate(runs.folder / below)


def test_pushes_are_in_order_and_a_refused_model_is_none(runs: Runs) -> None:
    found = versions.pushes(runs.store)
    assert [(push.version, push.model) for push in found] == list(runs.models.items())
    assert versions.push_of(runs.store, runs.folder, None) == found[-1]
    with pytest.raises(PerceiverError, match="know no version 300. Did you mean '200'"):
        versions.push_of(runs.store, runs.folder, 300)


def test_the_last_model_is_that_of_the_last_run(runs: Runs) -> None:
    assert versions.last_model(runs.store) > max(runs.models.values())
    assert versions.last_model(Runs(runs.folder / "empty").store) is None


def test_artifacts_are_found_where_a_run_folder_was_moved_to(runs: Runs, tmp_path: Path) -> None:
    (model,) = runs.store.get_artifacts_by_id([runs.models[100]])
    moved = tmp_path / "moved"
    shutil.copytree(runs.folder, moved)
    there = versions.local(moved, model.uri)
    assert there.is_dir() and there.is_relative_to(moved)
    assert versions.local(moved, "gs://elsewhere/model") == Path("gs://elsewhere/model")


def test_the_store_of_a_moved_folder_gets_the_new_addresses(runs: Runs, tmp_path: Path) -> None:
    (model,) = runs.store.get_artifacts_by_id([runs.models[100]])
    assert versions.follow_move(runs.store, runs.folder) == 0
    model.custom_properties["fingerprints_uri"].string_value = model.uri
    model.custom_properties["said"].string_value = "see /old/artifacts/x"
    runs.store.put_artifacts([model])
    moved = tmp_path / "moved"
    runs.folder.rename(moved)
    store = open_store(moved, write=True)
    assert versions.follow_move(store, moved) > 0
    (found,) = store.get_artifacts_by_id([model.id])
    assert Path(found.uri).is_dir() and Path(found.uri).is_relative_to(moved)
    assert found.custom_properties["fingerprints_uri"].string_value == found.uri
    assert found.custom_properties["said"].string_value == "see /old/artifacts/x"
    assert versions.follow_move(store, moved) == 0
