"""run.json, from artifacts as the components leave them and TFMA's own results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from perceiver_keras.components.leak_detector import PerceiverLeaks
from perceiver_keras.components.report_gen import Report
from perceiver_keras.pipeline.dag_runner import ResumableDagRunner
from perceiver_keras.pipeline.record import run_record
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.tasks import run_folder

pytestmark = [pytest.mark.tfx]


PASSED = {"name": "threshold accuracy", "passed": True, "text": "accuracy is 0.75."}
UNKNOWN = {"name": "last blessed", "passed": None, "text": "There is no blessed model."}
MISSED = {"name": "threshold accuracy", "passed": False, "text": "accuracy is 0.75; 0.9 is asked."}
SILENT = {"name": "serving", "passed": False, "text": "It does not serve: it lacks a signature"}


def recorded(folder: Path, *checks: dict, pushed: str = "") -> dict:
    """The record of a run whose gate made these checks, and whose pusher said that."""

    def artifact(kind, place: Path, **properties):
        made = kind()
        made.uri = str(place)
        for name, value in properties.items():
            put = made.set_int_custom_property
            if isinstance(value, str):
                put = made.set_string_custom_property
            put(name, value)
        return [made]

    report = folder / "report"
    report.mkdir()
    trained = folder / "trained" / run_folder.PRESET
    trained.mkdir(parents=True)
    (trained / "config.json").write_text("{}")
    blessing = folder / "blessing"
    blessing.mkdir()
    seven = {"slice": "label=7", "examples": 2, "metrics": {"accuracy": {"value": 0.5}}}
    evaluated = {
        "examples": 4,
        "metrics": {"accuracy": {"value": 0.75, "low": 0.5, "high": 1.0}, "loss": {"value": 2.0}},
        "slices": [seven],
    }
    verdict = {
        "blessed": all(check["passed"] is not False for check in checks),
        "checks": checks,
        "evaluated": evaluated,
        "trivial": {"accuracy": 0.5},
    }
    (blessing / "verdict.json").write_text(json.dumps(verdict))
    drift = {"text": "image/mean has moved"}
    for name, content in (
        ("anomalies", {"anomalies": [drift], "against": None}),
        ("leaks", {"pairs": [{"splits": ["train", "test"], "exact": 1}]}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    runner = ResumableDagRunner("a run", print)
    runner.seconds, runner.cached = {"Evaluator": 2.0, "AtomicPusher": 1.0}, ["Evaluator"]
    runner.outputs = {
        "Gate": {"blessing": artifact(standard_artifacts.ModelBlessing, blessing)},
        "ExampleValidator": {"anomalies": artifact(standard_artifacts.ExampleAnomalies, folder)},
        "LeakDetector": {"leaks": artifact(PerceiverLeaks, folder)},
        "AtomicPusher": {
            "pushed_model": artifact(
                standard_artifacts.PushedModel,
                folder / "pushed",
                pushed=int(bool(pushed)),
                pushed_destination=pushed,
                pushed_version=Path(pushed).name,
            )
        },
        "Trainer": {"model": artifact(standard_artifacts.Model, trained.parent)},
        "ReportGen": {"report": artifact(Report, report)},
    }
    settings = PipelineSettings.create(
        "image_classification",
        run_dir=folder,
        overrides=("evaluate.thresholds.accuracy=0.9",),
        seed=4,
    )
    record = run_record(settings, runner)
    assert record == json.loads(json.dumps(record))
    return record


def test_a_pushed_run(tmp_path: Path) -> None:
    record = recorded(tmp_path, PASSED, UNKNOWN, pushed="r/pushed/17")
    assert record["blessed"] and record["refused_because"] == []
    assert record["checks"] == [PASSED, UNKNOWN]
    assert record["pushed_model"] == "r/pushed/17"
    # The weights stay when the artifacts are cleaned.
    assert record["model"] == str(tmp_path / "blessed" / "17")
    assert (tmp_path / "blessed" / "17" / "config.json").read_text() == "{}"
    assert record["metrics"] == {"accuracy": 0.75, "loss": 2.0, "example_count": 4.0}
    assert record["intervals"] == {"accuracy": [0.5, 1.0]}
    assert record["baseline"] == {"accuracy": 0.5}
    assert record["slices"][0]["slice"] == "label=7"
    assert record["data"] == {
        "anomalies": ["image/mean has moved"],
        "schema": None,
        "leaks": [{"splits": ["train", "test"], "exact": 1}],
    }
    assert record["thresholds"] == {"accuracy": 0.9}
    assert record["overrides"] == ["evaluate.thresholds.accuracy=0.9", "train.seed=4"]
    assert (record["preset"], record["seed"]) == ("tiny", 4)
    assert record["components"] == ["Evaluator", "AtomicPusher"]
    assert record["artifacts"]["Gate"]["blessing"] == [str(tmp_path / "blessing")]
    assert record["report"] == str(tmp_path / "report.html")


def test_a_refused_run_has_a_sentence_for_each_reason(tmp_path: Path) -> None:
    record = recorded(tmp_path, MISSED, UNKNOWN, SILENT)
    assert not record["blessed"] and record["pushed_model"] is record["model"] is None
    assert record["refused_because"] == [MISSED["text"], SILENT["text"]]
