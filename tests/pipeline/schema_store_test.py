"""The schemas of a run folder: what is accepted, what the last run proposes, and accepting it on purpose."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline import schema_store
from perceiver_keras.pipeline.run_folder import only_one_run
from perceiver_keras.pipeline.store import open_store
from tests.components import data_pipeline

pytestmark = [pytest.mark.tfx, pytest.mark.slow]


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory) -> Path:
    """A folder with a clean run, and one that its data stopped. Read only."""
    folder = tmp_path_factory.mktemp("two") / "run"
    assert data_pipeline.run(str(folder)).error is None
    assert data_pipeline.run(str(folder), "larger").error is not None
    return folder


@pytest.fixture
def folder(two_runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_runs, tmp_path / "moved"))


def test_the_proposal_of_a_run_that_was_stopped_is_there(two_runs: Path) -> None:
    store = open_store(two_runs)
    old, new = schema_store.accepted(store, two_runs), schema_store.proposal(store, two_runs)
    assert old.id < new.id and not schema_store.same(old, new)
    assert [row["text"] for row in schema_store.difference(old, new)] == [
        "image/height: 8 becomes 9"
    ]
    assert {a["kind"] for a in schema_store.anomalies(two_runs) if a["stops"]} >= {"range"}


def test_accepting_marks_the_proposal_once(folder: Path) -> None:
    told = schema_store.accept(folder, "larger from May on")
    assert told["changed"] and told["because"] == "larger from May on"
    found = schema_store.accepted(open_store(folder), folder)
    assert found.because == "larger from May on" and found.at > found.made
    assert found.id == told["schema"]["id"]
    assert found.folder.is_relative_to(folder)  # the folder was copied; the store has the old place
    again = schema_store.accept(folder)
    assert not again["changed"] and again["differences"] == []


def test_no_one_accepts_while_a_run_uses_the_folder(folder: Path) -> None:
    with only_one_run(folder), pytest.raises(PerceiverError, match="Another run"):
        schema_store.accept(folder)


def test_a_folder_without_a_run_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(PerceiverError, match="has no metadata.sqlite"):
        schema_store.accept(tmp_path)
    assert not (tmp_path / "run.lock").exists()
    assert schema_store.anomalies(tmp_path) == []


def test_a_schema_whose_file_is_gone_is_a_line(folder: Path) -> None:
    for path in (folder / "artifacts/SchemaGen/schema").glob("*/schema.pbtxt"):
        path.unlink()
    with pytest.raises(PerceiverError, match="is gone"):
        schema_store.accepted(open_store(folder), folder)


def test_damaged_files_are_lines(folder: Path) -> None:
    pages = (folder / "artifacts/ExampleValidator").rglob("anomalies.json")
    for path in (*pages, *(folder / "artifacts/SchemaGen/schema").glob("*/schema.pbtxt")):
        text = path.read_text()
        path.write_text(text[: text.rindex("{")] + "{")
    words = "is damaged .*; the same `perceiver run` with --no-cache makes it again"
    with pytest.raises(PerceiverError, match=f"anomalies.json {words}"):
        schema_store.anomalies(folder)
    with pytest.raises(PerceiverError, match=f"schema.pbtxt {words}"):
        schema_store.proposal(open_store(folder), folder)
    words = "is damaged .*; put it back from a copy"
    with pytest.raises(PerceiverError, match=f"schema.pbtxt {words}"):
        schema_store.accepted(open_store(folder), folder)
