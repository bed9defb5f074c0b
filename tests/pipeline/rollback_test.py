"""Back to an older version: as a new one, in one step, and no run undoes it unseen."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.pipeline import rollback as rollback_module
from perceiver_keras.pipeline.lineage import lineage
from perceiver_keras.pipeline.rollback import BECAUSE, finish_interrupted, rollback
from perceiver_keras.pipeline.run_folder import only_one_run
from perceiver_keras.pipeline.store import open_store
from perceiver_keras.pipeline.versions import pushes, withdrawn
from perceiver_keras.saved_model import latest_version
from perceiver_keras.tasks import run_folder
from tests.pushed_runs import Runs, verdict


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Three versions, 100, 200 and 300, each better than the one before."""
    runs = Runs(tmp_path / "run")
    first = runs.push(100, verdict=verdict(0.7))
    second = runs.push(200, verdict=verdict(0.8, last=0.7), baseline=first)
    runs.push(300, verdict=verdict(0.9, last=0.8), baseline=second)
    return runs


def served(runs: Runs) -> str:
    """What a server would load: the content of the highest version."""
    return (Path(latest_version(str(runs.folder / "pushed"))) / "saved_model.pb").read_text()


def record(runs: Runs) -> dict:
    return json.loads((runs.folder / "run.json").read_text())


def test_the_version_before_is_published_as_the_highest_with_its_reason(runs: Runs) -> None:
    told = rollback(runs.folder, because="wrong answers for sevens")
    new = told["version"]
    assert (told["from"], told["of"], told["taken_back"]) == ("300", "200", ["300"])
    assert int(new) > 300 and served(runs) == str(runs.models[200])
    assert (runs.folder / "pushed" / "300").is_dir()  # nothing is lost
    found = lineage(runs.folder)
    assert found["push"]["version"] == new
    assert found["push"]["because"] == "wrong answers for sevens"
    assert found["model"]["artifact"] == runs.models[200]
    assert found["evaluation"]["metrics"]["accuracy"]["value"] == 0.8  # the original's verdict
    assert "wrong answers for sevens" in lineage(runs.folder, 300)["model"]["withdrawn"]


def test_the_run_folder_tells_the_truth_afterwards(runs: Runs) -> None:
    new = rollback(runs.folder, because="it is slow")["version"]
    found = run_folder.find(runs.folder)
    assert found.saved_model == runs.folder / "pushed" / new
    assert found.preset == runs.folder / "blessed" / new
    old = runs.folder / "blessed" / "200" / "model.weights.h5"
    assert (found.preset / "model.weights.h5").read_bytes() == old.read_bytes()
    assert "version 200 again, because it is slow" in found.told
    now = record(runs)
    assert now["pushed_model"] == str(found.saved_model) and now["model"] == str(found.preset)
    assert now["rollback"]["of"] == "200" and now["rollback"]["because"] == "it is slow"
    card = (found.saved_model / "assets.extra" / "MODEL_CARD.md").read_text()
    assert f"- Version: {new}" in card and "Version 200 again, in place of 300: it is slow" in card


def test_each_rollback_goes_one_further_back_until_there_is_none(runs: Runs) -> None:
    assert rollback(runs.folder)["of"] == "200"
    again = rollback(runs.folder)
    assert (again["of"], served(runs)) == ("100", str(runs.models[100]))
    assert withdrawn(runs.store, runs.models[200]) and withdrawn(runs.store, runs.models[300])
    with pytest.raises(PerceiverError, match="has no blessed version before .* nothing to go back"):
        rollback(runs.folder)
    assert served(runs) == str(runs.models[100])


def test_to_names_a_version_and_leads_forward_again_too(runs: Runs) -> None:
    told = rollback(runs.folder, to=100)
    assert told["taken_back"] == ["200", "300"] and served(runs) == str(runs.models[100])
    forward = rollback(runs.folder, to=300, because="it was the data")
    assert forward["taken_back"] == [] and served(runs) == str(runs.models[300])
    assert withdrawn(runs.store, runs.models[300]) is None
    assert withdrawn(runs.store, runs.models[200])  # of it nothing was said


def test_wrong_versions_and_empty_folders_are_lines(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--to 150: .* has pushed no such version."):
        rollback(runs.folder, to=150)
    with pytest.raises(UsageError, match="--to 300: that is the version that is served now"):
        rollback(runs.folder, to=300)
    with pytest.raises(PerceiverError, match="holds no version, so there is nothing"):
        rollback(Runs(tmp_path / "empty").folder)
    alone = Runs(tmp_path / "alone")
    alone.push(100)
    with pytest.raises(PerceiverError, match="has no blessed version before 100"):
        rollback(alone.folder)


def test_an_empty_store_is_a_line_and_stays_empty(runs: Runs) -> None:
    (runs.folder / "metadata.sqlite").write_bytes(b"")
    before = sorted(runs.folder.iterdir())
    with pytest.raises(PerceiverError, match="metadata.sqlite is empty"):
        rollback(runs.folder)
    assert (runs.folder / "metadata.sqlite").read_bytes() == b""
    assert sorted(runs.folder.iterdir()) == before


def test_a_dry_run_changes_nothing(runs: Runs) -> None:
    def files() -> dict[str, bytes]:
        found = (path for path in runs.folder.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in found}

    before = files()
    told = rollback(runs.folder, dry_run=True)
    assert (told["of"], told["version"]) == ("200", None) and files() == before


def test_a_version_that_was_cleaned_comes_from_the_artifacts(runs: Runs) -> None:
    import shutil

    shutil.rmtree(runs.folder / "pushed" / "200")
    rollback(runs.folder)
    assert served(runs) == str(runs.models[200])
    shutil.rmtree(runs.folder / "artifacts")
    shutil.rmtree(runs.folder / "pushed" / "100")
    with pytest.raises(PerceiverError, match="files of version 100 are gone.*--to"):
        rollback(runs.folder)


def test_the_same_model_pushed_again_is_not_gone_back_to(runs: Runs) -> None:
    runs.push(400, model=runs.models[300], verdict=verdict(0.9))
    assert rollback(runs.folder)["of"] == "200"
    assert withdrawn(runs.store, runs.models[300])


def test_only_one_process_uses_the_folder(runs: Runs) -> None:
    with only_one_run(runs.folder), pytest.raises(PerceiverError, match="Another run"):
        rollback(runs.folder)
    assert served(runs) == str(runs.models[300])


PLACES = {
    # While the files are copied: the old state.
    "shutil.copyfile": False,
    # After the new version is there: the new state, which the next command completes.
    "rollback.keep_blessed": True,
    "rollback._write_down": True,
    "rollback.write_json": True,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_leaves_the_old_state_or_the_new(runs: Runs, place: str) -> None:
    child = os.fork()
    if child == 0:
        module, name = place.split(".")
        where = {"shutil": shutil, "rollback": rollback_module}[module]
        setattr(where, name, lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL))
        rollback(runs.folder, because="a kill")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    wanted = runs.models[200 if PLACES[place] else 300]
    found = run_folder.find(runs.folder)  # before anything repairs it
    assert served(runs) == str(wanted)
    weights = (found.preset / "model.weights.h5").read_bytes()
    version = next(v for v, model in runs.models.items() if model == wanted)
    assert weights == (runs.folder / "blessed" / str(version) / "model.weights.h5").read_bytes()

    finished = finish_interrupted(runs.folder)  # as the next run does first
    assert bool(finished) == PLACES[place]
    store = open_store(runs.folder)
    newest = pushes(store)[-1]
    assert newest.model == wanted and served(runs) == str(wanted)
    assert bool(withdrawn(store, runs.models[300])) == PLACES[place]
    assert lineage(runs.folder)["push"]["version"] == str(newest.version)
    if PLACES[place]:
        assert record(runs)["pushed_model"].endswith(f"/{newest.version}")
    assert finish_interrupted(runs.folder) is None
    assert os.path.isdir(runs.folder / "blessed" / str(newest.version))


@pytest.mark.tfx
def test_the_next_candidate_is_compared_with_the_model_gone_back_to(runs: Runs) -> None:
    from tfx.types import artifact_utils

    from perceiver_keras.components.baseline import ROLLBACK, LatestBlessedOther

    assert ROLLBACK == BECAUSE

    def baseline(candidate: int) -> list[int]:
        def all_of(kind: str) -> list:
            known = runs.store.get_artifact_type(kind)
            found = runs.store.get_artifacts_by_type(kind)
            return [artifact_utils.deserialize_artifact(known, item) for item in found]

        models = all_of("Model")
        given = [model for model in models if model.id == candidate]
        inputs = {"model": models, "model_blessing": all_of("ModelBlessing"), "candidate": given}
        return [model.id for model in LatestBlessedOther().resolve_artifacts(None, inputs)["model"]]

    new = runs.refuse()
    assert baseline(new) == [runs.models[300]]
    rollback(runs.folder)
    assert baseline(new) == [runs.models[200]]
    # The settings of the model taken back, again: it is not its own baseline, and the Gate refuses it.
    assert baseline(runs.models[300]) == [runs.models[200]]
    rollback(runs.folder)
    assert baseline(new) == [runs.models[100]]
