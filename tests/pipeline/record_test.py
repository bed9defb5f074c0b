"""run.json, from artifacts as the components leave them and TFMA's own results."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from tfx.types import standard_artifacts

from perceiver_keras.components.report_gen import Report
from perceiver_keras.pipeline.dag_runner import ResumableDagRunner
from perceiver_keras.pipeline.record import run_record
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.tasks import run_folder

pytestmark = [pytest.mark.tfx]


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory) -> Path:
    """TFMA's results of three right answers in four, where 0.9 of them are wanted."""
    folder = tmp_path_factory.mktemp("evaluation")
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.9})
    )
    accuracy = tfma.MetricConfig(
        class_name="BinaryAccuracy", config='{"name": "accuracy"}', threshold=threshold
    )
    tfma.analyze_raw_data(
        pd.DataFrame({"label": [1, 0, 1, 0], "prediction": [0.9, 0.1, 0.8, 0.7]}),
        tfma.EvalConfig(
            model_specs=[tfma.ModelSpec(label_key="label", prediction_key="prediction")],
            slicing_specs=[tfma.SlicingSpec()],
            metrics_specs=[tfma.MetricsSpec(metrics=[accuracy])],
        ),
        output_path=str(folder),
    )
    return folder


def recorded(folder: Path, evaluation: Path, *, passed: int, cause: str, pushed: str = "") -> dict:
    """The record of a run whose gate, server and pusher said that."""

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
    (report / "report.json").write_text(json.dumps({"baseline": {"accuracy": 0.5}}))
    runner = ResumableDagRunner("a run", print)
    runner.seconds, runner.cached = {"Evaluator": 2.0, "AtomicPusher": 1.0}, ["Evaluator"]
    runner.outputs = {
        "Evaluator": {
            "evaluation": artifact(standard_artifacts.ModelEvaluation, evaluation),
            "blessing": artifact(
                standard_artifacts.ModelBlessing, folder / "blessing", blessed=passed
            ),
        },
        "ServingValidator": {
            "blessing": artifact(
                standard_artifacts.InfraBlessing,
                folder / "infra",
                blessed=int(not cause),
                cause=cause,
            )
        },
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


def test_a_pushed_run(evaluation, tmp_path: Path) -> None:
    record = recorded(tmp_path, evaluation, passed=1, cause="", pushed="r/pushed/17")
    assert record["blessed"] and record["refused_because"] == []
    assert record["pushed_model"] == "r/pushed/17"
    # The weights stay when the artifacts are cleaned.
    assert record["model"] == str(tmp_path / "blessed" / "17")
    assert (tmp_path / "blessed" / "17" / "config.json").read_text() == "{}"
    assert record["metrics"]["accuracy"] == 0.75 and record["baseline"] == {"accuracy": 0.5}
    assert record["thresholds"] == {"accuracy": 0.9}
    assert record["overrides"] == ["evaluate.thresholds.accuracy=0.9", "train.seed=4"]
    assert (record["preset"], record["seed"]) == ("tiny", 4)
    assert record["components"] == ["Evaluator", "AtomicPusher"]
    assert record["artifacts"]["Evaluator"]["evaluation"] == [str(evaluation)]
    assert record["report"] == str(tmp_path / "report.html")


def test_a_refused_run_has_a_sentence_for_each_reason(evaluation, tmp_path: Path) -> None:
    record = recorded(tmp_path, evaluation, passed=0, cause="it lacks a signature")
    assert not record["blessed"] and record["pushed_model"] is record["model"] is None
    assert record["refused_because"] == [
        "accuracy is 0.75; evaluate.thresholds.accuracy asks for at least 0.9.",
        "serving: it lacks a signature",
    ]


def test_a_good_model_that_does_not_serve_is_not_blessed(evaluation, tmp_path: Path) -> None:
    record = recorded(tmp_path, evaluation, passed=1, cause="it doesn't load")
    assert not record["blessed"]
    assert record["refused_because"] == ["serving: it doesn't load"]
