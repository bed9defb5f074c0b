"""What a killed run leaves in the store and on the disk is found and removed."""

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from perceiver_keras.pipeline.dag_runner import clear_unfinished, run_executions

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


def test_an_unknown_run_has_nothing_to_clear(store):
    folder, connection, _ = store
    assert clear_unfinished(connection, "no such run", folder / "artifacts", cancel=True) == []
