"""A kill after a version was published and before the store knew: the next command writes down what was done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.components.model.publish import PUSH_FILE
from perceiver_keras.pipeline import interrupted_push
from perceiver_keras.pipeline.lineage import lineage
from perceiver_keras.pipeline.rollback import finish_interrupted, rollback
from perceiver_keras.pipeline.versions import pushes, withdrawn
from perceiver_keras.tasks import run_folder
from tests.components.saved_files import contents
from tests.pushed_runs import Runs, verdict

Execution = metadata_store_pb2.Execution


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Versions 100 and 200, and 300, which its pusher published and was killed."""
    runs = Runs(tmp_path / "run")
    runs.push(100, verdict=verdict(0.7))
    runs.push(200, verdict=verdict(0.8, last=0.7), notes={})
    runs.push(300, verdict=verdict(0.9, last=0.8), forgotten=True)
    return runs


def pusher(runs: Runs) -> Execution:
    return runs.store.get_executions_by_type("tfx.components.AtomicPusher")[-1]


def test_the_store_learns_of_the_version(runs: Runs) -> None:
    assert [push.version for push in pushes(runs.store)] == [100, 200]
    assert finish_interrupted(runs.folder) == "300"
    last = pushes(runs.store)[-1]
    assert (last.version, last.model) == (300, runs.models[300])
    assert (last.execution, pusher(runs).last_known_state) == (pusher(runs).id, Execution.COMPLETE)
    (artifact,) = runs.store.get_artifacts_by_id([last.artifact])
    assert contents(artifact.uri) == contents(runs.folder / "pushed" / "300")
    names = {context.name for context in runs.store.get_contexts_by_artifact(last.artifact)}
    assert names == {"image_classification", "run3", "image_classification.AtomicPusher"}
    assert lineage(runs.folder, 300)["model"]["artifact"] == runs.models[300]
    assert run_folder.find(runs.folder).preset == runs.folder / "blessed" / "300"
    assert finish_interrupted(runs.folder) is None


def test_rollback_takes_it_back_as_any_other(runs: Runs) -> None:
    told = rollback(runs.folder)
    assert (told["from"], told["of"], told["taken_back"]) == ("300", "200", ["300"])
    assert withdrawn(runs.store, runs.models[300])
    assert finish_interrupted(runs.folder) is None  # the copy of 200 is not taken for a push


@pytest.mark.parametrize(
    "text", ["", "{}", '{"version": "299", "run": "run3"}', '{"version": "300", "run": "run9"}']
)
def test_what_does_not_name_this_version_and_a_run_of_this_store_is_left(
    runs: Runs, text: str
) -> None:
    (runs.folder / "pushed" / "300" / PUSH_FILE).write_text(text)
    assert interrupted_push.finish(runs.folder, runs.store) is None
    assert len(pushes(runs.store)) == 2


def test_a_version_of_a_finished_pusher_is_left(runs: Runs) -> None:
    (runs.folder / "pushed" / "300" / PUSH_FILE).write_text(
        json.dumps({"version": "300", "run": "run2"})
    )
    assert interrupted_push.finish(runs.folder, runs.store) is None
