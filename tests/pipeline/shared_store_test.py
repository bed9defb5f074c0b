"""Run folders in one database: each has its own cache, its own artifacts, and its own id, which moves with it."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from ml_metadata import errors
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Channel
from tfx.types.standard_artifacts import Model

from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline import shared_store
from perceiver_keras.pipeline.dag_runner import ComponentFailed, ResumableDagRunner
from perceiver_keras.pipeline.store import check_server, connection, open_store, trouble
from perceiver_keras.pipeline.versions import follow_move, last_model
from tests.mariadb import Server

pytestmark = pytest.mark.tfx
TASK = "image_classification"


@component
def Trainer(words: Parameter[str], model: OutputArtifact[Model]) -> None:  # noqa: N802 - TFX names it so
    if words.startswith("kill "):
        os.kill(int(words.split()[1]), signal.SIGKILL)
    Path(model.uri).mkdir(parents=True, exist_ok=True)
    Path(model.uri, "model").write_text(words)


class Run:
    """A run of a pipeline of two nodes: what was cached, and which model a resolver took."""

    def __init__(self, folder: Path, uri: str, words: str = "the same", claims: bool = True):
        folder.mkdir(parents=True, exist_ok=True)
        self.said: list[str] = []
        if claims:
            store = open_store(folder, uri, write=True)
            shared_store.claim(store, TASK, folder, self.said.append)
            follow_move(store, folder)
        latest = Resolver(strategy_class=LatestArtifactStrategy, model=Channel(type=Model))
        trainer = Trainer(words=words)
        trainer.add_upstream_node(latest)
        pipeline = Pipeline(
            pipeline_name=shared_store.pipeline_name(TASK, folder),
            pipeline_root=str(folder / "artifacts"),
            components=[latest.with_id("latest"), trainer],
            metadata_connection_config=connection(folder, uri, create=True),
            enable_cache=True,
        )
        runner = ResumableDagRunner(os.urandom(4).hex(), lambda _: None, lambda: check_server(uri))
        runner.run(pipeline)
        self.cached = "Trainer" in runner.cached
        (self.made,) = runner.outputs["Trainer"]["model"]
        self.found = [item.id for item in runner.outputs["latest"].get("model", [])]


def identity(folder: Path) -> str:
    return json.loads((folder / shared_store.FILE).read_text())["id"]


def test_two_folders_share_nothing_and_one_can_be_deleted(mariadb: Server, tmp_path: Path) -> None:
    uri, a, b = mariadb.database(), tmp_path / "a", tmp_path / "b"
    first, other = Run(a, uri), Run(b, uri)
    assert not other.cached and other.made.uri.startswith(str(b)) and other.found == []
    again = Run(a, uri)
    assert again.cached and again.made.id == first.made.id and again.found == [first.made.id]
    assert last_model(open_store(a, uri)) == first.made.id
    assert [one.id for one in open_store(b, uri).get_artifacts()] == [other.made.id]
    shutil.rmtree(a)
    assert Run(b, uri).cached
    anew = Run(a, uri)  # at the place of the deleted one, whose files are gone
    assert not anew.cached and anew.found == [] and Path(anew.made.uri, "model").is_file()


def test_a_moved_folder_keeps_its_history_and_a_copy_begins_one(mariadb, tmp_path: Path) -> None:
    uri, a, b, copy = mariadb.database(), tmp_path / "a", tmp_path / "b", tmp_path / "copy"
    first = Run(a, uri)
    a.rename(b)
    moved = Run(b, uri)
    assert moved.cached and moved.made.id == first.made.id and moved.found == [first.made.id]
    assert moved.made.uri.startswith(str(b)) and moved.said == []
    link = tmp_path / "link"
    link.symlink_to(b)
    assert Run(link, uri).cached and Run(b, uri).said == []
    shutil.copytree(b, copy)
    copied = Run(copy, uri)
    assert not copied.cached and copied.found == [] and identity(copy) != identity(b)
    assert copied.said == [
        f"The runs in the database are those of {b}; this folder begins a new history."
    ]
    assert Run(b, uri).made.uri.startswith(str(b)) and Run(copy, uri).cached
    fresh = Run(a, uri)  # where the moved folder was
    assert not fresh.cached and fresh.found == []


def test_a_folder_of_before_there_were_ids_keeps_its_history(mariadb, tmp_path: Path) -> None:
    uri, old, new = mariadb.database(), tmp_path / "old", tmp_path / "new"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_store, "pipeline_name", lambda task, run_dir: task)
        first = Run(old, uri, claims=False)
    assert last_model(open_store(old, uri)) == first.made.id
    assert not Run(new, uri).cached
    again = Run(old, uri)
    assert again.cached and again.made.id == first.made.id and identity(old) == ""
    assert last_model(open_store(old, uri)) == first.made.id


def test_a_runner_that_claims_nothing_gives_each_folder_its_own_cache(mariadb, tmp_path) -> None:
    uri, a, b = mariadb.database(), tmp_path / "a", tmp_path / "b"
    first = Run(a, uri, claims=False)
    assert Run(a, uri, claims=False).cached and not Run(b, uri, claims=False).cached
    assert Run(a, uri).made.id == first.made.id


def test_a_damaged_id_is_a_line(mariadb: Server, tmp_path: Path) -> None:
    (tmp_path / shared_store.FILE).write_text("{")
    with pytest.raises(PerceiverError, match="is damaged .*; restore it, or delete it"):
        Run(tmp_path, mariadb.database())


def test_without_the_right_to_write_it_says_so(mariadb: Server, tmp_path: Path) -> None:
    uri = mariadb.database()
    Run(tmp_path, uri)
    mariadb.account("reader", f"SELECT ON {uri.rpartition('/')[2]}.*")
    reading = mariadb.address("reader", uri.rpartition("/")[2])
    assert last_model(open_store(tmp_path, reading))
    with pytest.raises(PerceiverError, match="too few rights in the metadata store at 127.0.0.1"):
        open_store(tmp_path, reading, write=True)


def test_a_server_that_dies_is_told_apart_from_a_component(mariadb: Server, tmp_path: Path) -> None:
    uri = mariadb.database()
    Run(tmp_path, uri)
    try:
        with pytest.raises(ComponentFailed) as caught:
            Run(tmp_path, uri, f"kill {mariadb.pid}")
        assert trouble(caught.value) is not None
        with pytest.raises(PerceiverError, match="connection refused"):
            Run(tmp_path, uri)
    finally:
        mariadb.kill()
        mariadb.start()
    assert Run(tmp_path, uri).cached
    assert trouble(ComponentFailed("Trainer")) is None
    assert trouble(errors.InternalError("")) is not None
