"""What the files of artifacts tell, also where an older version wrote them or they are damaged."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from perceiver_keras.components.model import facts
from tests.pushed_runs import verdict


def test_a_trainer_s_folder_tells_the_model_and_its_size(tmp_path: Path) -> None:
    preset = tmp_path / "preset"
    preset.mkdir()
    (preset / "task.json").write_text('{"task": "t", "preset": "p", "labels": ["a", "b"]}')
    (preset / "config.json").write_text('{"train": {"steps": 3}}')
    arrays = {"a/kernel": np.zeros([3, 4]), "a/bias": np.zeros(4), "b": np.float32(1)}
    with h5py.File(preset / "model.weights.h5", "w") as file:
        for name, value in arrays.items():
            file[name] = value
    found = facts.of_model(tmp_path)
    assert found == facts.of_model(preset) == {
        "task": "t", "preset": "p", "classes": ["a", "b"], "config": {"train": {"steps": 3}},
        "parameters": sum(np.size(value) for value in arrays.values()),
    }  # fmt: skip
    assert facts.of_model(tmp_path / "gone") == {}


def test_examples_are_counted_by_split_in_the_order_of_use() -> None:
    properties = {
        "fingerprint": "f", "num_examples_test": 1, "num_examples_extra": 4, "num_examples_train": 2,
        "num_corrupt_train": 3, "num_corrupt_test": 0, "span": 0,
    }  # fmt: skip
    found = facts.of_examples(properties)
    assert list(found["examples"].items()) == [("train", 2), ("test", 1), ("extra", 4)]
    assert found["corrupt"] == {"train": 3} and found["fingerprint"] == "f"
    assert facts.of_examples({}) == {"fingerprint": None, "examples": {}}


def test_the_gate_s_verdict_has_checks_metrics_and_slices(tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text(json.dumps(verdict(0.9)))
    found = facts.of_gate(tmp_path, {"blessed": 1})
    assert found["gate"]["blessed"] is True and len(found["gate"]["checks"]) == 2
    assert found["evaluation"]["examples"] == 100
    assert found["evaluation"]["slices"][0]["slice"] == "label=7"
    older = facts.of_gate(tmp_path / "none", {"blessed": 0})
    assert older == {"gate": {"blessed": False, "checks": None}, "evaluation": {}}


def test_an_older_run_s_metrics_are_in_its_report(tmp_path: Path) -> None:
    report = {
        "metrics": {"accuracy": 0.9, "example_count": 269.0}, "baseline": {"accuracy": 0.1},
        "last_blessed": {"accuracy": 0.8}, "reasons": ["too low"], "thresholds": {"accuracy": 0.97},
    }  # fmt: skip
    (tmp_path / "report.json").write_text(json.dumps(report))
    found = facts.of_report(tmp_path)
    assert found["evaluation"]["metrics"]["accuracy"] == {"value": 0.9}
    assert found["evaluation"]["baseline"] == {"accuracy": {"value": 0.8}}
    assert found["evaluation"]["trivial"] == {"accuracy": 0.1}
    assert found["gate"] == {"reasons": ["too low"]} and found["thresholds"] == {"accuracy": 0.97}
    assert facts.of_report(tmp_path / "none") == {}


def test_serving_and_data_checks(tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text('{"cause": "slow", "load_seconds": 1.5}')
    found = facts.of_serving(tmp_path, {"blessed": 0})
    assert found == {"cause": "slow", "load_seconds": 1.5, "blessed": False}
    anomalies = {"clean": False, "on_anomaly": "report", "anomalies": [{"text": "it changed"}]}
    (tmp_path / "anomalies.json").write_text(json.dumps(anomalies))
    assert facts.of_data_checks(tmp_path)["texts"] == ["it changed"]
    assert facts.of_data_checks(tmp_path / "none") == {}


def test_damaged_files_are_as_if_absent(tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text("{half")
    (tmp_path / "report.json").write_text("[1]")
    (tmp_path / "model.weights.h5").write_text("no weights")
    assert facts.of_serving(tmp_path, {}) == {} and facts.of_report(tmp_path) == {}
    assert facts.of_model(tmp_path) == {}


def test_size_is_that_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"123")
    (tmp_path / "y").write_bytes(b"4567")
    assert facts.size_of(tmp_path) == 7
