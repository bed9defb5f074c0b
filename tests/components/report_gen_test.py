"""ReportGen on real parts: digits, an untrained classifier, TFMA's results on its answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx.types import artifact_utils, standard_artifacts

from perceiver_keras.components import report_gen
from perceiver_keras.components.report_gen import Report, ReportGen
from perceiver_keras.components.serving_validator import VERDICT_FILE
from perceiver_keras.config_tree import override, to_json
from perceiver_keras.data.store import source
from perceiver_keras.data.store.records import write_records
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.model import load
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
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.97})
    )
    tfma.analyze_raw_data(
        pd.DataFrame({"label": truth, "prediction": list(answers)}),
        tfma.EvalConfig(
            model_specs=[tfma.ModelSpec(label_key="label", prediction_key="prediction")],
            slicing_specs=[tfma.SlicingSpec()],
            metrics_specs=[
                tfma.MetricsSpec(
                    metrics=[
                        tfma.MetricConfig(
                            class_name="SparseCategoricalAccuracy",
                            config='{"name": "accuracy"}',
                            threshold=threshold,
                        )
                    ]
                )
            ],
        ),
        output_path=evaluation.uri,
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
    }
    return inputs, float(np.mean(answers.argmax(-1) == truth)), truth


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
        blessing=verdict(standard_artifacts.ModelBlessing, folder / "blessing", blessed),
        infra_blessing=verdict(standard_artifacts.InfraBlessing, folder / "infra", served, cause),
        report=report,
        **more,
    )
    page = (folder / "report" / "report.html").read_text()
    return json.loads((folder / "report" / "report.json").read_text()), Page(page)


def test_a_refused_model(parts, tmp_path: Path) -> None:
    told, page = generate(parts, tmp_path, blessed=0, served=0, cause="op MyOp is unknown")
    _, accuracy, truth = parts
    assert not told["blessed"] and told["pushed_model"] is None
    assert told["metrics"]["accuracy"] == pytest.approx(accuracy)
    assert told["baseline"]["accuracy"] == pytest.approx(np.bincount(truth).max() / COUNT)
    assert told["thresholds"] == {"accuracy": 0.97}
    assert told["steps"] == 20 and told["last_blessed"] is None
    assert told["examples"] == {"test": {"num_examples": COUNT, "num_corrupt": 2}}
    missed, unserved = told["reasons"]
    assert "accuracy" in missed and "0.97" in missed
    assert unserved == "It does not serve: op MyOp is unknown"
    assert "Trained, but not blessed" in page.text and unserved in page.text


@pytest.fixture(scope="module")
def pushed(parts, tmp_path_factory):
    """report.json and the page of a pushed model, with a measured latency and one example left out."""
    folder = tmp_path_factory.mktemp("pushed")
    model = artifact(standard_artifacts.PushedModel, folder / "pushed")
    model.set_int_custom_property("pushed", 1)
    model.set_string_custom_property("pushed_destination", "served/17")
    (folder / "infra").mkdir()
    (folder / "infra" / VERDICT_FILE).write_text(json.dumps({"latency": LATENCY}))
    letters = Path(parts[0]["examples"].uri) / "dead_letter" / "test.jsonl"
    letters.write_text(json.dumps({"file": "a", "index": 3, "reason": "not a picture"}) + "\n")
    yield generate(parts, folder, blessed=1, served=1, pushed_model=model)
    letters.unlink()


def test_a_pushed_model_and_its_pictures(pushed) -> None:
    told, page = pushed
    assert told["blessed"] and told["pushed_model"] == "served/17" and told["reasons"] == []
    assert [figure["title"] for figure in told["figures"]] == [
        "Learning curves",
        "Right and wrong",
        "What the latents attend to",
    ]
    assert f"of {COUNT} examples of the test split" in page.text
    assert "Blessed and pushed" in page.text


def test_the_tables_of_classes_are_about_the_whole_split(parts, pushed) -> None:
    told, page = pushed
    _, accuracy, truth = parts
    classes = told["classes"]
    assert classes["support"] == np.bincount(truth, minlength=10).tolist()
    assert sum(classes["right"]) / COUNT == pytest.approx(accuracy)
    assert classes["examples"] == COUNT and told["test_examples"] is None
    assert classes["wrong"] == sum(count for *_, count in classes["pairs"]) > 0
    wrong = {f"#mistakes-{one['class']}" for one in classes["mistakes"]}
    assert wrong and wrong <= set(page.addresses)


def test_the_latency_and_what_was_left_out(pushed) -> None:
    told, page = pushed
    assert told["latency"] == LATENCY and "somewhere" in page.text
    assert told["left_out"] == [{"what": "a, record 3", "reason": "not a picture"}]
    assert told["found"] == []


def test_of_a_split_that_takes_too_long_the_first_examples_are_judged(parts, monkeypatch) -> None:
    monkeypatch.setattr(report_gen, "JUDGED_SECONDS", -1)
    inputs, _, truth = parts
    model = load(Path(inputs["model"].uri) / "preset")
    batches = report_gen.test_batches(TASK, model.task_config, inputs["examples"], None)
    found = report_gen.classes(TASK, model, batches, model.task_config, None)
    assert found.names == [str(i) for i in range(10)]
    assert found.support.tolist() == np.bincount(truth[:7], minlength=10).tolist()  # a batch
