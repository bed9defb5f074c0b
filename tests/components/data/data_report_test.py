"""What is collected about data from artifacts: with all of them, with some, and with none."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from perceiver_keras.components.data import data_report
from perceiver_keras.data.store.records import write_records
from perceiver_keras.show.data_report import render_data
from perceiver_keras.tasks import registry
from tests.components.data_samples import ROWS, SCHEMA, example, write_statistics
from tests.show import verdicts
from tests.show.page import Page

TASK = registry.get("image_classification")
CONFIG = TASK.preset("tiny").config


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("artifacts")
    for split in ("train", "test"):
        rows = (example(n) for n in range(20))
        write_records(rows, f"{root}/examples/Split-{split}/data_tfrecord-00000-of-00001.gz")
    write_statistics(root / "statistics", ROWS)
    for name in ("proposal", "accepted"):
        (root / name).mkdir()
        (root / name / "schema.pbtxt").write_text(SCHEMA)
    against = {"schema_uri": str(root / "accepted"), "run": "2026-11-25T10"}
    (root / "anomalies.json").write_text(json.dumps(verdicts.anomalies(against=against)))
    (root / "leaks.json").write_text(json.dumps(verdicts.leaks()))
    return {
        "examples_uri": str(root / "examples"),
        "statistics_uri": str(root / "statistics"),
        "schema_uri": str(root / "proposal"),
        "anomalies_path": str(root / "anomalies.json"),
        "leaks_path": str(root / "leaks.json"),
    }


def test_a_stopped_run_has_a_page_with_everything(artifacts) -> None:
    found = data_report.collect(TASK, CONFIG, **artifacts, stopped=True)
    before = json.loads(json.dumps(dataclasses.asdict(found), allow_nan=False))
    assert found.counts == {"train": {"num_examples": 300}, "test": {"num_examples": 60}}
    assert found.schema["run"] == "2026-11-25T10" and not found.schema["own"]
    [sizes, new] = found.anomalies["anomalies"]
    assert [one["index"] for one in sizes["shown"]] == [3, 17]  # there is no 1348
    assert [one["split"] for one in new["shown"]] == ["test", "test"]
    pair = found.leaks["examples"][0]["shown"]
    assert [(one["split"], one["index"]) for one in pair] == [("train", 7), ("test", 9)]
    page = Page(render_data(found))
    assert page.open == [] and "from run 2026-11-25T10" in page.text
    assert "train, example 17" in page.text and "image/ mean" in page.text
    assert json.loads(json.dumps(dataclasses.asdict(found))) == before


def test_the_page_is_written_into_the_run_folder(artifacts, tmp_path: Path) -> None:
    found = data_report.collect(TASK, CONFIG, **artifacts, stopped=True)
    (tmp_path / "a run").mkdir()
    path = data_report.write_page(found, tmp_path / "a run", "tiny")
    assert path == tmp_path / "a run" / "data_report.html"
    text = Page(path.read_text()).text
    folder = f"'{tmp_path}/a run'"
    assert f"perceiver schema accept {folder}" in text
    again = f"perceiver run image_classification --preset tiny --run-dir {folder}"
    assert f"{again} --set data.on_anomaly=report" in text


def test_counts_of_the_run_are_taken_where_they_are_known(artifacts) -> None:
    counts = {"train": {"num_examples": 5, "num_corrupt": 1}}
    found = data_report.collect(TASK, CONFIG, **artifacts, counts=counts)
    assert found.counts == counts and not found.stopped


def test_without_an_accepted_schema_the_run_has_its_own(artifacts, tmp_path: Path) -> None:
    clean = verdicts.anomalies(clean=True, anomalies=[], against=None, drift=[], skew=[])
    path = tmp_path / "anomalies.json"
    path.write_text(json.dumps(clean))
    found = data_report.collect(TASK, CONFIG, **artifacts | {"anomalies_path": str(path)})
    assert found.schema["own"] and len(found.schema["features"]) == 5
    assert found.schema["since"].endswith("UTC")


@pytest.mark.parametrize("left", ["statistics_uri", "schema_uri", "anomalies_path", "leaks_path"])
def test_what_is_missing_or_gone_is_left_out(artifacts, left: str) -> None:
    for gone in (None, "/nowhere/at/all"):
        found = data_report.collect(TASK, CONFIG, **artifacts | {left: gone})
        assert Page(render_data(found)).open == []
    nothing = data_report.collect(TASK, CONFIG)
    assert nothing.counts == {} and nothing.anomalies is None and nothing.schema is None


def test_examples_that_are_gone_leave_the_words(artifacts) -> None:
    found = data_report.collect(TASK, CONFIG, **artifacts | {"examples_uri": "/nowhere"})
    assert [entry["shown"] for entry in found.anomalies["anomalies"]] == [[], []]
    text = Page(render_data(found)).text
    assert "image/height is 16" in text and "the same · labels" not in text
