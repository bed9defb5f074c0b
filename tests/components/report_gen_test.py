"""ReportGen on real parts: digits, an untrained classifier, TFMA's results on its answers."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from perceiver_keras.components import gate, report_gen, trivial_guess
from perceiver_keras.components.leak_detector import PerceiverLeaks
from perceiver_keras.components.report_gen import Report, ReportGen
from perceiver_keras.components.serving_validator import VERDICT_FILE
from perceiver_keras.config_tree import override, to_json
from perceiver_keras.data.store import source
from perceiver_keras.data.store.records import write_records
from perceiver_keras.gate.estimates import Estimate, Evaluated
from perceiver_keras.tasks import registry
from tests.components.data_samples import ROWS, SCHEMA, write_statistics
from tests.show import verdicts
from tests.show.page import Page

COUNT = 30
TASK = registry.get("image_classification")
LATENCY = {
    "machine": "somewhere",
    "requests": [{"examples": 1, "repeats": 3, "p50_ms": 1.0, "p95_ms": 2.0}],
}


def artifact(kind, folder: Path):
    made = kind()
    made.uri = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The artifacts that ReportGen takes, and the accuracy computed here."""
    root = tmp_path_factory.mktemp("run")
    config = override(
        TASK.preset("tiny").config,
        "model.encode.num_latents=3",
        "model.process.num_self_attention_layers=1",
        "evaluate.batch_size=7",
    )
    builder = source.open_builder(config.data.dataset)
    labels = source.label_names(builder)
    records = source.take(source.builder_records(builder, "test"), COUNT)

    model = artifact(standard_artifacts.Model, root / "model")
    classifier = TASK.build(config).build_all()
    classifier.save_to_preset(
        root / "model" / "preset", task_config=config, preset="tiny", labels=labels
    )

    examples = artifact(standard_artifacts.Examples, root / "examples")
    examples.split_names = artifact_utils.encode_split_names(["test"])
    examples.set_int_custom_property("num_examples_test", COUNT)
    examples.set_int_custom_property("num_corrupt_test", 2)
    (root / "examples" / "Split-test").mkdir()
    (root / "examples" / "dead_letter").mkdir()
    write_records(
        records, str(root / "examples" / "Split-test" / "data_tfrecord-00000-of-00001.gz")
    )

    parsed = [tf.io.parse_single_example(r, TASK.examples.spec(config)) for r in records]
    truth = np.array([example["label"].numpy() for example in parsed])
    answers = TASK.serving.serve(
        classifier, {"image_bytes": [e["image"].numpy() for e in parsed]}, config, labels
    )["probabilities"].numpy()
    evaluation = artifact(standard_artifacts.ModelEvaluation, root / "evaluation")
    guess = artifact(trivial_guess.Guess, root / "guess")
    (root / "guess" / trivial_guess.FILE).write_text(
        json.dumps({"metrics": {"accuracy": np.bincount(truth).max() / COUNT}, "examples": COUNT})
    )
    model_run = artifact(standard_artifacts.ModelRun, root / "model_run")
    rows = [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.5, "val_accuracy": 0.2}]
    (root / "model_run" / "history.json").write_text(json.dumps({"history": rows, "best": None}))
    inputs = {
        "task": TASK.name,
        "config_json": to_json(config),
        "model": model,
        "model_run": model_run,
        "evaluation": evaluation,
        "examples": examples,
        "guess": guess,
    }
    return inputs, answers, truth


def blessing_of(parts, folder: Path, blessed: int):
    """What the Gate writes, about the answers of the untrained classifier."""
    _, answers, truth = parts
    right = answers.argmax(-1) == truth
    evaluated = verdicts.verdict()["evaluated"] | {
        "examples": COUNT,
        "metrics": {"accuracy": verdicts.estimate(float(right.mean()), 0.1)},
        "baseline": None,
        "difference": None,
        "slices": [verdicts.part("label=3", 3, 0.25, 0.2, 0.0)],
    }
    refused = {"name": "threshold accuracy", "passed": False, "text": "accuracy is below 0.97."}
    unserved = {"name": "serves", "passed": False, "text": "It does not serve: op MyOp is unknown"}
    checks = verdicts.verdict()["checks"][:1] if blessed else [refused, unserved]
    made = verdict(standard_artifacts.ModelBlessing, folder, blessed)
    told = verdicts.verdict(evaluated=evaluated, checks=checks, blessed=bool(blessed))
    (folder / gate.VERDICT_FILE).write_text(json.dumps(told))
    return made


def verdict(kind, folder: Path, blessed: int, cause: str = ""):
    made = artifact(kind, folder)
    made.set_int_custom_property("blessed", blessed)
    made.set_string_custom_property("cause", cause)
    return made


def generate(parts, folder: Path, *, blessed: int, served: int, cause: str = "", **more):
    """(report.json, the page) of one run of the component."""
    report = artifact(Report, folder / "report")
    ReportGen.test_call(
        **parts[0],
        blessing=blessing_of(parts, folder / "blessing", blessed),
        infra_blessing=verdict(standard_artifacts.InfraBlessing, folder / "infra", served, cause),
        report=report,
        **more,
    )
    page = (folder / "report" / "report.html").read_text()
    return json.loads((folder / "report" / "report.json").read_text()), Page(page)


def test_a_refused_model(parts, tmp_path: Path) -> None:
    told, page = generate(parts, tmp_path, blessed=0, served=0, cause="op MyOp is unknown")
    _, answers, truth = parts
    assert not told["blessed"] and told["pushed_model"] is None
    assert told["metrics"]["accuracy"] == pytest.approx(float(np.mean(answers.argmax(-1) == truth)))
    assert told["metrics"]["example_count"] == COUNT
    assert told["baseline"]["accuracy"] == pytest.approx(np.bincount(truth).max() / COUNT)
    assert told["thresholds"] == {"accuracy": 0.97}
    assert told["steps"] == 20 and told["last_blessed"] is None
    assert told["examples"] == {"test": {"num_examples": COUNT, "num_corrupt": 2}}
    assert told["reasons"] == ["accuracy is below 0.97.", "It does not serve: op MyOp is unknown"]
    assert "Trained, but not blessed" in page.text
    assert "threshold accuracy refused accuracy is below 0.97." in page.text
    assert "accuracy by label" in page.text and "3 3 0.2500 [0.050, 0.450]" in page.text


def test_without_a_gate_there_is_what_tfma_measured(tmp_path: Path, monkeypatch) -> None:
    measured = Evaluated(examples=COUNT, metrics={"accuracy": Estimate(value=0.5)})
    monkeypatch.setattr(report_gen, "evaluated", {"somewhere": measured}.get)
    assert report_gen.measured_of(None, "somewhere") == measured.to_json()
    assert report_gen.measured_of({"evaluated": {"examples": 3}}, "") == {"examples": 3}
    infra = verdict(standard_artifacts.InfraBlessing, tmp_path / "infra", 0, "op MyOp is unknown")
    assert report_gen.reasons(None, infra) == ["It does not serve: op MyOp is unknown"]


@pytest.fixture(scope="module")
def pushed(parts, tmp_path_factory):
    """report.json and the page of a pushed model, of odd data that was only reported, with one example left out."""
    folder = tmp_path_factory.mktemp("pushed")
    model = artifact(standard_artifacts.PushedModel, folder / "pushed")
    model.set_int_custom_property("pushed", 1)
    model.set_string_custom_property("pushed_destination", "served/17")
    (folder / "infra").mkdir()
    (folder / "infra" / VERDICT_FILE).write_text(json.dumps(verdicts.serving(latency=LATENCY)))
    kinds = {
        "statistics": standard_artifacts.ExampleStatistics,
        "schema": standard_artifacts.Schema,
        "anomalies": standard_artifacts.ExampleAnomalies,
        "leaks": PerceiverLeaks,
    }
    made = {name: artifact(kind, folder / name) for name, kind in kinds.items()}
    write_statistics(folder / "statistics", ROWS)
    (folder / "schema" / "schema.pbtxt").write_text(SCHEMA)
    found = verdicts.anomalies(against=None, on_anomaly="report")
    (folder / "anomalies" / "anomalies.json").write_text(json.dumps(found))
    (folder / "leaks" / "leaks.json").write_text(json.dumps(verdicts.leaks()))
    letters = Path(parts[0]["examples"].uri) / "dead_letter" / "test.jsonl"
    letters.write_text(json.dumps({"file": "a", "index": 3, "reason": "not a picture"}) + "\n")
    yield generate(parts, folder, blessed=1, served=1, pushed_model=model, **made)
    letters.unlink()


def test_a_pushed_model_and_its_pictures(pushed) -> None:
    told, page = pushed
    assert told["blessed"] and told["pushed_model"] == "served/17" and told["reasons"] == []
    assert [figure["title"] for figure in told["figures"]] == [
        "Learning curves",
        "Right and wrong",
        "What the latents attend to",
        "Calibration",
    ]
    assert f"of {COUNT} examples of the test split" in page.text
    assert "Blessed and pushed" in page.text


def test_the_tables_of_classes_are_about_the_whole_split(parts, pushed) -> None:
    told, page = pushed
    _, answers, truth = parts
    classes = told["classes"]
    assert classes["support"] == np.bincount(truth, minlength=10).tolist()
    assert sum(classes["right"]) == np.sum(answers.argmax(-1) == truth)
    assert classes["examples"] == COUNT and told["test_examples"] is None
    assert classes["wrong"] == sum(count for *_, count in classes["pairs"]) > 0
    wrong = {f"#mistakes-{one['class']}" for one in classes["mistakes"]}
    assert wrong and wrong <= set(page.addresses)


def test_the_latency_and_what_was_left_out(pushed) -> None:
    told, page = pushed
    assert told["latency"] == LATENCY and "somewhere" in page.text
    assert told["left_out"] == [{"what": "a, record 3", "reason": "not a picture"}]
    assert told["found"] == []


def test_what_is_known_about_the_data_is_on_the_page(pushed) -> None:
    told, page = pushed
    shown = told["data"]["anomalies"]["anomalies"][1]["shown"]
    assert [one["index"] for one in shown] == [0, 5]
    assert all(one["parts"][0]["picture"].startswith("data:image/png") for one in shown)
    for words in (
        "The data has anomalies : 2 anomalies: image/height, label.",
        "label has the new class <ten>",
        "What the data looks like",
        "Drift and skew",
        "train and test 134 3 50.9% 1",
        "Made in this run from the task",
    ):
        assert words in page.text, words


def test_the_served_model_is_on_the_page(pushed) -> None:
    told, page = pushed
    assert told["serving"]["size_bytes"] == 3_250_000 and page.open == []
    assert "peak memory 411 MiB" in page.text and "the answers agree" in page.text
