"""The Gate on TFMA's results of made-up answers: the blessing, its verdict, and what it reads of the last one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.pusher.executor import Executor as Pusher
from tfx.types import standard_artifacts

from perceiver_keras.components.gate import Gate, verdict, when_blessed
from perceiver_keras.components.model import facts
from perceiver_keras.components.serving_validator import VERDICT_FILE
from perceiver_keras.components.trivial_guess import FILE, Guess
from perceiver_keras.config import EvaluateConfig
from perceiver_keras.errors import PerceiverError

pytestmark = pytest.mark.tfx

CLASSES, COUNT = 3, 240
LABELS = np.arange(COUNT) % CLASSES
SETTINGS = EvaluateConfig(thresholds={"accuracy": 0.8})


def answers(accuracy: float, seed: int = 0) -> np.ndarray:
    """Probabilities [240, 3], of which that share name the label."""
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(COUNT) >= round(accuracy * COUNT)
    return np.eye(CLASSES, dtype=np.float32)[(LABELS + wrong) % CLASSES] * 0.8 + 0.1


def artifact(kind, folder: Path, number: int = 0, **properties):
    made = kind()
    made.uri, made.id = str(folder), number
    folder.mkdir(parents=True, exist_ok=True)
    for key, value in properties.items():
        (
            made.set_int_custom_property
            if isinstance(value, int)
            else made.set_string_custom_property
        )(key, value)
    return made


def evaluation(folder: Path, candidate: np.ndarray, baseline: np.ndarray | None = None):
    """TFMA's results of these answers, as the Evaluator writes them."""
    made = artifact(standard_artifacts.ModelEvaluation, folder)
    columns = {"label": LABELS, "candidate": list(candidate)}
    specs = [tfma.ModelSpec(name="candidate", label_key="label", prediction_key="candidate")]
    if baseline is not None:
        columns["baseline"] = list(baseline)
        specs.append(
            tfma.ModelSpec(
                name="baseline", label_key="label", prediction_key="baseline", is_baseline=True
            )
        )
    metric = tfma.MetricConfig(
        class_name="SparseCategoricalAccuracy", config='{"name": "accuracy"}'
    )
    tfma.analyze_raw_data(
        pd.DataFrame(columns),
        tfma.EvalConfig(
            model_specs=specs,
            slicing_specs=[tfma.SlicingSpec()],
            metrics_specs=[
                tfma.MetricsSpec(
                    metrics=[tfma.MetricConfig(class_name="ExampleCount"), metric],
                    model_names=[spec.name for spec in specs],
                )
            ],
            options=config_pb2.Options(
                compute_confidence_intervals={"value": True},
                confidence_intervals=config_pb2.ConfidenceIntervalOptions(
                    method=config_pb2.ConfidenceIntervalOptions.JACKKNIFE
                ),
            ),
        ),
        output_path=made.uri,
    )
    return made


def judge(folder: Path, evaluated, *, settings=SETTINGS, cause: str = "", withdrawn="", **more):
    """(the blessing, its verdict, the names of the checks that refuse)."""
    guess = artifact(Guess, folder / "guess")
    (folder / "guess" / FILE).write_text(
        json.dumps({"metrics": {"accuracy": 1 / 3}, "examples": 240})
    )
    infra = artifact(
        standard_artifacts.InfraBlessing, folder / "infra", blessed=int(not cause), cause=cause
    )
    (folder / "infra" / VERDICT_FILE).write_text(json.dumps({"cause": None, "load_seconds": 1.5}))
    blessing = artifact(standard_artifacts.ModelBlessing, folder / "blessing")
    told = {facts.WITHDRAWN: withdrawn} if withdrawn else {}
    Gate.test_call(
        model=artifact(standard_artifacts.Model, folder / "model", 7, **told),
        evaluation=evaluated,
        guess=guess,
        infra_blessing=infra,
        blessing=blessing,
        task="image_classification",
        evaluate_json=json.dumps(dataclasses.asdict(settings)),
        **more,
    )
    found = verdict(blessing.uri)
    return blessing, found, {c["name"] for c in found["checks"] if c["passed"] is False}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The results of a model that is right on 95 % of the examples, and of a last one that is right on a third."""
    folder = tmp_path_factory.mktemp("good")
    return evaluation(folder, answers(0.95), answers(0.33, 1))


def test_a_good_first_model_is_blessed_as_tfx_blesses(good, tmp_path):
    blessing, found, refused = judge(tmp_path, good)
    assert refused == set() and found["blessed"]
    assert Pusher().CheckBlessing({"model_blessing": [blessing]})
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert blessing.get_string_custom_property("current_model") == str(tmp_path / "model")
    assert blessing.get_string_custom_property("component_id") == "Gate"
    assert not blessing.has_custom_property("baseline_model_id")
    assert (tmp_path / "blessing" / "BLESSED").read_text() == ""
    assert not (tmp_path / "blessing" / "NOT_BLESSED").exists()
    assert found["trivial"] == {"accuracy": 1 / 3} and found["confidence"] == SETTINGS.confidence
    assert found["evaluated"]["metrics"]["accuracy"]["value"] == pytest.approx(0.95)
    assert found["evaluated"]["examples"] == COUNT
    assert found["serving"] == {"cause": None, "load_seconds": 1.5}
    assert 0 < found["smallest_difference"]["accuracy"] < 0.15


def test_a_refusal_is_a_verdict(good, tmp_path):
    settings = dataclasses.replace(SETTINGS, thresholds={"accuracy": 0.99})
    blessing, found, refused = judge(tmp_path, good, settings=settings, cause="op X is unknown")
    assert refused == {"threshold accuracy", "serving"} and not found["blessed"]
    assert not Pusher().CheckBlessing({"model_blessing": [blessing]})
    assert blessing.get_int_custom_property("blessed") == 0
    assert (tmp_path / "blessing" / "NOT_BLESSED").exists()
    texts = [check["text"] for check in found["checks"]]
    assert "It does not serve: op X is unknown" in texts
    assert found["serving"]["cause"] == "op X is unknown"  # the property counts, as for Pusher


def test_a_model_that_was_taken_back_is_not_blessed_again(good, tmp_path):
    _, found, refused = judge(tmp_path, good, withdrawn="wrong answers for sevens")
    assert refused == {"not taken back"} and not found["blessed"]


def test_the_last_blessed_models_verdict_is_read_again(good, tmp_path):
    """It was right on 95 % when it was blessed and is right on a third: labels or inputs have changed."""
    last, _, _ = judge(tmp_path / "last", good)
    blessing, found, refused = judge(
        tmp_path / "now",
        good,
        baseline_model=artifact(standard_artifacts.Model, tmp_path / "old", 3),
        baseline_blessing=last,
    )
    assert refused == {"same data"}
    assert blessing.get_int_custom_property("baseline_model_id") == 3
    assert blessing.get_string_custom_property("baseline_model") == str(tmp_path / "old")
    assert when_blessed(last.uri).metrics["accuracy"].value == pytest.approx(0.95)
    assert found["evaluated"]["baseline"]["accuracy"]["value"] == pytest.approx(0.33, abs=0.01)


def test_a_blessing_of_an_older_version_has_no_verdict(good, tmp_path):
    old = artifact(standard_artifacts.ModelBlessing, tmp_path / "old_blessing", blessed=1)
    assert verdict(old.uri) is None and when_blessed(old.uri) is None
    more = {
        "baseline_model": artifact(standard_artifacts.Model, tmp_path / "old", 3),
        "baseline_blessing": old,
    }
    _, found, refused = judge(tmp_path, good, **more)
    assert refused == set()
    (same,) = [check for check in found["checks"] if check["name"] == "same data"]
    assert same["passed"] is None


def test_a_damaged_verdict_is_named(good, tmp_path):
    old = artifact(standard_artifacts.ModelBlessing, tmp_path / "old_blessing", blessed=1)
    path = tmp_path / "old_blessing" / "verdict.json"
    path.write_text('{"evaluated": ')
    with pytest.raises(PerceiverError, match=f"^{path} is damaged .*; restore it, or run with"):
        when_blessed(old.uri)
