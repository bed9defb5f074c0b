"""ReportGen on real parts: digits, an untrained classifier, TFMA's results on its answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx.types import artifact_utils, standard_artifacts

from components.report_gen import Report, ReportGen
from perceiver_keras.config_tree import override, to_json
from perceiver_keras.data.store import source
from perceiver_keras.data.store.records import write_records
from perceiver_keras.tasks import registry
from tests.show.page import Page

COUNT = 30
TASK = registry.get("image_classification")


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


def test_a_pushed_model_and_its_pictures(parts, tmp_path: Path) -> None:
    pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    pushed.set_int_custom_property("pushed", 1)
    pushed.set_string_custom_property("pushed_destination", "served/17")
    told, page = generate(parts, tmp_path, blessed=1, served=1, pushed_model=pushed)
    assert told["blessed"] and told["pushed_model"] == "served/17" and told["reasons"] == []
    assert [figure["title"] for figure in told["figures"]] == [
        "Learning curves",
        "Right and wrong",
        "Confusion matrix",
        "What the latents attend to",
    ]
    assert len(page.addresses) == 4
    assert f"Of {COUNT} examples of the test split." in page.text
    assert "Blessed and pushed" in page.text
