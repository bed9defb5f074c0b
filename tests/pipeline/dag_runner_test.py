"""What a killed run leaves in the store and on the disk is found and removed."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.types import standard_artifacts

from perceiver_keras.components.model.facts import WITHDRAWN
from perceiver_keras.pipeline import dag_runner
from perceiver_keras.pipeline.dag_runner import (
    ResumableDagRunner,
    clear_unfinished,
    run_executions,
    temporary_files_removed,
)
from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.settings import PipelineSettings

pytestmark = pytest.mark.tfx

Execution = metadata_store_pb2.Execution


@pytest.fixture
def store(tmp_path):
    """A store as TFX writes it: two components of run "r1", one finished and one still running."""
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "m.sqlite"))
    with metadata.Metadata(connection) as handle:
        put = handle.store

        def context(kind, name):
            type_id = put.put_context_type(metadata_store_pb2.ContextType(name=kind))
            return put.put_contexts([metadata_store_pb2.Context(type_id=type_id, name=name)])[0]

        run = context("pipeline_run", "r1")
        ids = []
        type_id = put.put_execution_type(metadata_store_pb2.ExecutionType(name="any"))
        for name, state in (("First", Execution.COMPLETE), ("Second", Execution.RUNNING)):
            node = context("node", f"pipeline.{name}")
            (execution,) = put.put_executions([Execution(type_id=type_id, last_known_state=state)])
            put.put_attributions_and_associations(
                [],
                [
                    metadata_store_pb2.Association(execution_id=execution, context_id=c)
                    for c in (run, node)
                ],
            )
            ids.append(execution)
    for name, execution in zip(("First", "Second"), ids, strict=True):
        folder = tmp_path / "artifacts" / name / "output" / str(execution)
        folder.mkdir(parents=True)
        (folder / "data").write_text("x")
    return tmp_path, connection, ids


def states(connection):
    with metadata.Metadata(connection) as handle:
        return sorted(e.last_known_state for e in run_executions(handle, "r1"))


@pytest.mark.parametrize("cancel", [False, True])
def test_only_the_unfinished_is_removed_and_closed_only_where_the_run_does_not_go_on(store, cancel):
    folder, connection, (first, second) = store
    names = clear_unfinished(connection, "r1", folder / "artifacts", cancel=cancel)
    assert names == ["Second"]
    assert (folder / "artifacts" / "First" / "output" / str(first) / "data").exists()
    assert not (folder / "artifacts" / "Second" / "output" / str(second)).exists()
    left = Execution.CANCELED if cancel else Execution.RUNNING
    assert states(connection) == sorted([Execution.COMPLETE, left])


def test_one_component_is_cleared_without_the_others(store):
    folder, connection, (_, second) = store
    left = folder / "artifacts" / "Second" / "output" / str(second)
    assert clear_unfinished(connection, "r1", left.parents[2], cancel=False, only="First") == []
    assert left.exists()
    cleared = clear_unfinished(connection, "r1", left.parents[2], cancel=False, only="Second")
    assert cleared == ["Second"] and not left.exists()


def test_an_unknown_run_has_nothing_to_clear(store):
    folder, connection, _ = store
    assert clear_unfinished(connection, "no such run", folder / "artifacts", cancel=True) == []


class _Noted(ResumableDagRunner):
    """Launches nothing, and notes which components may come from the cache."""

    def __init__(self, model, only=None):
        super().__init__("r1", lambda text: None, only=only)
        self.may_be_cached: dict[str, bool] = {}
        self._model = model

    def _done(self, connection, name):
        return False

    def _launch(self, pipeline, deployment, connection, node):
        caching = node.execution_options.caching_options
        self.may_be_cached[node.node_info.id] = caching.enable_cache

    def _execution(self, connection, name):
        if name == "Trainer":
            self.outputs[name] = {"model": [self._model]}
        hour = {"create_time_since_epoch": 1, "last_update_time_since_epoch": 3_600_001}
        return Execution(id=1, last_known_state=Execution.COMPLETE, **hour)


@pytest.mark.parametrize("why", ["", "wrong answers"])
def test_a_verdict_on_a_model_that_was_taken_back_is_not_an_old_one(why, tmp_path, monkeypatch):
    """Where the inputs are the same as before, as with --rebaseline, the cache would bless and push it again."""
    model = standard_artifacts.Model()
    if why:
        model.set_string_custom_property(WITHDRAWN, why)
    runner = _Noted(model)
    monkeypatch.setattr(
        dag_runner.execution_lib,
        "get_output_artifacts",
        lambda store, id: {"model": [model]},
    )
    settings = PipelineSettings.create("image_classification", run_dir=tmp_path)
    runner.run(create_pipeline(settings))
    assert [name for name, cached in runner.may_be_cached.items() if not cached] == (
        ["Gate"] if why else []
    )


def test_one_component_of_a_graph_is_launched_alone(tmp_path, monkeypatch):
    model = standard_artifacts.Model()
    monkeypatch.setattr(dag_runner.execution_lib, "get_output_artifacts", lambda store, id: {})
    runner = _Noted(model, only="Transform")
    settings = PipelineSettings.create("image_classification", run_dir=tmp_path)
    runner.run(create_pipeline(settings))
    assert list(runner.may_be_cached) == list(runner.seconds) == ["Transform"]
    assert runner.seconds["Transform"] < 600, (
        "a night between a kill and the next try is not its time"
    )


def test_temporary_files_of_a_component_are_removed_and_the_folder_is_as_before():
    before = tempfile.gettempdir()
    with contextlib.suppress(ValueError), temporary_files_removed():
        left = Path(tempfile.mkdtemp())
        (left / "copy").write_text("of a library")
        assert left.parent != Path(before)
        raise ValueError("as a component may")
    assert not left.parent.exists() and tempfile.gettempdir() == before
