"""A version leads back to all that made it, from the store and not from run.json."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline.lineage import lineage, of_last_run
from tests.pushed_runs import CONFIG, Runs, estimate, verdict

NOTES = {"overrides": ["train.steps=10"], "versions": {"python": "3.10.13", "tfx": "1.15.1"}}


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """A run of an older version, and one as they are now."""
    runs = Runs(tmp_path / "run")
    first = runs.push(100)
    paired = estimate(0.1, 0.03)
    config = copy.deepcopy(CONFIG)
    config["train"]["steps"] = 20
    runs.push(
        200, config=config, notes=NOTES, baseline=first,
        verdict=verdict(0.9, last=0.8, difference=paired),
    )  # fmt: skip
    return runs


def test_a_version_leads_back_to_data_settings_code_and_judges(runs: Runs) -> None:
    found = lineage(runs.folder)
    assert found["push"]["version"] == "200"
    assert found["push"]["folder"] == str(runs.folder / "pushed" / "200")
    assert found["model"]["artifact"] == runs.models[200]
    assert found["model"]["parameters"] == 7  # 2 x 2 and 3
    data = found["data"]
    assert (data["dataset"], data["fingerprint"]) == ("perceiver_digits", "f00d" * 16)
    assert list(data["examples"].items()) == [("train", 800), ("validation", 90), ("test", 100)]
    assert found["settings"]["overrides"] == ["train.steps=10"]
    assert found["settings"]["config"]["train"]["steps"] == 20
    assert found["code"] == "c0de" and found["began_from"] == {"weights": None, "fingerprint": None}
    assert found["packages"] == NOTES["versions"]
    assert found["evaluation"]["metrics"]["accuracy"] == estimate(0.9, 0.02)
    assert found["evaluation"]["trivial"] == {"accuracy": 0.1}
    assert found["gate"]["blessed"] is True and len(found["gate"]["checks"]) == 2
    assert found["baseline"]["model"] == runs.models[100]
    assert found["baseline"]["version"] == "100"
    assert found["serving"]["load_seconds"] == 2.5 and found["serving"]["size_bytes"] > 0
    assert set(found["seconds"]) == {
        "TfdsExampleGen", "Trainer", "ServingValidator", "Gate", "AtomicPusher",
    }  # fmt: skip
    ids = {node["id"] for node in found["artifacts"]}
    assert {found["push"]["artifact"], data["artifact"], found["gate"]["artifact"]} <= ids
    json.dumps(found, allow_nan=False)


def test_of_an_older_version_it_says_what_was_not_recorded(runs: Runs) -> None:
    found = lineage(runs.folder, 100)
    assert found["baseline"] is None and found["evaluation"]["metrics"] == {}
    assert found["unknown"] == [
        "versions of packages",
        "the changed settings",
        "an accepted schema",
        "intervals of the metrics",
        "the gate's checks",
    ]
    assert "intervals of the metrics" not in lineage(runs.folder, 200)["unknown"]


def test_run_json_is_believed_only_about_the_model_that_it_describes(runs: Runs) -> None:
    def record(model: int) -> None:
        (artifact,) = runs.store.get_artifacts_by_id([model])
        artifacts = {"Trainer": {"model": [artifact.uri]}}
        runs.write_record(
            artifacts=artifacts, overrides=["a=1"], versions={"python": "3"}, cached=[]
        )

    record(runs.models[100])
    assert lineage(runs.folder, 100)["settings"]["overrides"] == ["a=1"]
    record(runs.models[200])
    assert lineage(runs.folder, 100)["settings"]["overrides"] is None


def test_a_moved_folder_has_the_same_lineage(runs: Runs, tmp_path: Path) -> None:
    before = lineage(runs.folder)
    moved = tmp_path / "moved"
    shutil.move(runs.folder, moved)
    after = lineage(moved)
    for part in ("model", "data", "gate", "evaluation", "serving", "seconds"):
        assert after[part] == before[part], part
    assert after["push"]["folder"] == str(moved / "pushed" / "200")


def test_the_last_run_may_have_pushed_nothing(runs: Runs) -> None:
    assert of_last_run(runs.folder)["push"]["version"] == "200"
    model = runs.refuse(verdict=verdict(0.2) | {"blessed": False}, baseline=runs.models[200])
    last = of_last_run(runs.folder)
    assert (last["model"]["artifact"], last["push"]) == (model, None)
    assert last["gate"]["blessed"] is False
    assert last["evaluation"]["metrics"]["accuracy"]["value"] == 0.2
    assert lineage(runs.folder)["push"]["version"] == "200"


def test_a_model_judged_again_is_told_by_the_judgement_before_its_push(runs: Runs) -> None:
    runs.refuse(model=runs.models[200], verdict=verdict(0.1) | {"blessed": False})
    assert lineage(runs.folder, 200)["gate"]["blessed"] is True
    assert lineage(runs.folder, 200)["evaluation"]["metrics"]["accuracy"]["value"] == 0.9


def test_a_folder_without_a_model_is_a_line(tmp_path: Path) -> None:
    Runs(tmp_path)
    with pytest.raises(PerceiverError, match="holds no model: no run in it has finished"):
        lineage(tmp_path)
