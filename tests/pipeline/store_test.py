"""The store of a run folder is opened without TFX, and keeps what runs write about themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.pipeline.store import (
    check_server,
    connection,
    is_new,
    note_run,
    notes_of,
    open_store,
)
from tests.mariadb import Server
from tests.pushed_runs import Runs


@pytest.mark.tfx
def test_the_address_is_what_tfx_makes_of_it(tmp_path: Path) -> None:
    from tfx.orchestration.metadata import mysql_metadata_connection_config

    expected = mysql_metadata_connection_config(
        host="db.example", port=3307, database="runs", username="me", password="s@cret"
    )
    uri = "mysql://me:s%40cret@db.example:3307/runs"
    assert connection(tmp_path, uri, create=True) == expected
    assert not connection(tmp_path, uri, write=True).mysql.skip_db_creation
    assert connection(tmp_path, uri).mysql.skip_db_creation  # reading makes no database


@pytest.mark.parametrize("uri", ["postgres://me:p@host/runs", "mysql://host/runs", "runs.sqlite"])
def test_another_address_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="metadata address .*write mysql://USER"):
        connection(tmp_path, uri)


def test_a_database_that_is_not_there_is_made_by_a_run_and_by_nothing_else(
    mariadb: Server, tmp_path: Path
) -> None:
    uri = mariadb.address("root", "new_one", "")
    with pytest.raises(PerceiverError, match="it has no database 'new_one'"):
        open_store(tmp_path, uri)
    assert "new_one" not in mariadb.sql("SHOW DATABASES")
    check_server(uri)
    note_run(open_store(tmp_path, uri, write=True), "run1", {"seed": 1}, "p")
    context = open_store(tmp_path, uri).get_context_by_type_and_name("pipeline_run", "run1")
    assert notes_of(context)["seed"] == 1


def test_a_folder_without_a_store_and_a_damaged_one_are_lines(tmp_path: Path) -> None:
    with pytest.raises(PerceiverError, match="has no metadata.sqlite: it is not a folder of"):
        open_store(tmp_path)
    (tmp_path / "metadata.sqlite").write_bytes(b"no database" * 100)
    words = "metadata.sqlite can't be read as ML Metadata: file is not a database. Put it back"
    with pytest.raises(PerceiverError, match=words):
        open_store(tmp_path)
    (tmp_path / "metadata.sqlite").write_bytes(b"")
    for write in (False, True):
        with pytest.raises(PerceiverError, match="metadata.sqlite is empty. Put it back"):
            open_store(tmp_path, write=write)
    assert (tmp_path / "metadata.sqlite").read_bytes() == b""


@pytest.mark.parametrize("state", ["missing", "empty"])
def test_a_store_that_was_lost_is_not_begun_anew(tmp_path: Path, state: str) -> None:
    path = tmp_path / "metadata.sqlite"
    if state == "empty":
        path.write_bytes(b"")
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "pushed").mkdir()
    (tmp_path / "pushed" / ".push.lock").write_bytes(b"")
    assert is_new(tmp_path)
    (tmp_path / "pushed" / "100").mkdir()
    with pytest.raises(PerceiverError, match=f"{path} is {state}.*; to begin anew, move pushed/"):
        is_new(tmp_path)
    (tmp_path / "artifacts" / "Gate").mkdir()
    with pytest.raises(PerceiverError, match="without it artifacts/ and pushed/ .*--run-dir"):
        is_new(tmp_path)
    path.unlink(missing_ok=True)
    Runs(tmp_path)
    assert not is_new(tmp_path)


def test_a_store_that_is_read_is_not_changed(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.push(100)
    before = (tmp_path / "metadata.sqlite").read_bytes()
    store = open_store(tmp_path)
    with pytest.raises(Exception, match="readonly"):
        note_run(store, "run1", {"seed": 1}, "p")
    assert (tmp_path / "metadata.sqlite").read_bytes() == before


def test_notes_are_kept_by_key_and_outlive_the_run_s_own_executions(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    note_run(runs.store, "run1", {"overrides": ["train.steps=3"], "seed": 1}, "p")
    runs.push(100)  # run1, whose context is there already
    note_run(runs.store, "run1", {"seed": 2}, "p")
    context = runs.store.get_context_by_type_and_name("pipeline_run", "run1")
    assert notes_of(context) == {"overrides": ["train.steps=3"], "seed": 2, "pipeline": "p"}
    assert runs.store.get_executions_by_context(context.id)


@pytest.mark.tfx
def test_tfx_takes_the_context_that_a_note_made(tmp_path: Path) -> None:
    from tfx.orchestration import metadata
    from tfx.orchestration.portable.mlmd import context_lib

    where = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    note_run(where, "run1", {"seed": 1}, "p")
    with metadata.Metadata(where) as handle:
        found = context_lib.register_context_if_not_exists(handle, "pipeline_run", "run1")
        assert notes_of(found)["seed"] == 1
        assert len(handle.store.get_contexts_by_type("pipeline_run")) == 1


def test_reading_a_store_imports_neither_tensorflow_nor_tfx(tmp_path: Path) -> None:
    Runs(tmp_path).push(100)
    program = (
        "import sys; from pathlib import Path; from perceiver_keras.pipeline import compare, lineage; "
        f"lineage.lineage(Path({str(tmp_path)!r})); "
        "print([m for m in ('tensorflow', 'tfx', 'matplotlib', 'apache_beam') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
