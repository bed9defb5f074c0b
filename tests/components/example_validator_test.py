"""The words with which ExampleValidator stops a run, and what it keeps. accepted_schema_test.py runs it in TFX."""

from __future__ import annotations

import pytest

from perceiver_keras.components.data.anomaly import Anomaly
from perceiver_keras.components.example_validator import _advice, _message, keep

pytestmark = pytest.mark.tfx


def anomaly(number: int, split: str = "train") -> Anomaly:
    return Anomaly(
        f"feature {number}", split, "range", 1, 2, 3, 4, f"feature {number}: told of {split}."
    )


def test_on_a_cluster_a_schema_is_accepted_by_copying_it_to_the_next_number(tmp_path) -> None:
    shared = f"file://{tmp_path}"
    assert f"to {shared}/schemas/1;" in _advice({"shared": shared})
    for number in (1, 9, 10):
        (tmp_path / "schemas" / str(number)).mkdir(parents=True)
    message = _message([anomaly(1)], _advice({"shared": shared}))
    assert (
        f"if this change is intended, copy this run's artifact `schema` of SchemaGen to {shared}"
        in message
    )
    assert "/schemas/11; --set data.on_anomaly=report" in message
    assert "perceiver schema" not in message


def test_the_message_names_each_feature_once_and_what_to_do() -> None:
    message = _message(
        [anomaly(1), anomaly(1, "test"), anomaly(2)], _advice({"run_dir": "runs/mine"})
    )
    assert message.startswith(
        "The data has 2 anomalies: feature 1: told of train (also in test). feature 2: told of train."
    )
    assert "`perceiver schema diff runs/mine`" in message
    assert "`perceiver schema accept runs/mine`" in message
    assert "--run-dir" in message and "data.on_anomaly=report" in message
    assert "\n" not in message


def test_only_the_first_few_are_named() -> None:
    message = _message([anomaly(number) for number in range(9)], "runs/mine")
    assert message.startswith("The data has 9 anomalies") and " And 6 more." in message
    assert "feature 2" in message and "feature 3" not in message
    assert _message([anomaly(1)], "runs/mine").startswith("The data has an anomaly: ")


def test_what_was_found_is_kept_next_to_the_artifact(tmp_path) -> None:
    uri = tmp_path / "ExampleValidator" / "anomalies" / "17"
    kept = keep(f"{uri}/", "{}")
    assert kept == str(tmp_path / "ExampleValidator/stopped/17/anomalies.json")
    with open(kept) as file:
        assert file.read() == "{}"
