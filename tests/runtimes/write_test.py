"""A whole file for each runtime with what is known of it, or nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.runtimes import to_tflite, write
from perceiver_keras.tasks import registry
from tests.runtimes import models

TASK = registry.get("image_classification")


@pytest.mark.parametrize("to", ["onnx", "tflite"])
def test_a_file_and_what_is_known_of_it(to, tmp_path: Path) -> None:
    if to == "onnx":
        pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    model, out = models.classifier(), tmp_path / "new" / f"digits.{to}"
    labels = [str(digit) for digit in range(10)]
    told = write.write(TASK, model.task_config, model, out, to, labels=labels, preset="tiny")
    known = json.loads(write.sidecar(out).read_text())
    assert told == known
    content = out.read_bytes()
    assert (known["bytes"], known["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert known["inputs"] == {"inputs": "float32 [B, 8, 8, 1]"}
    assert known["outputs"]["probabilities"] == "float32 [B, 10]"
    assert known["left_out"].keys() == {"label"} and known["labels"] == labels
    assert known["compared"]["batch_sizes"] == [1, 3]
    assert 0 < known["compared"]["largest"]["relative"] < 1e-5
    # Eagerly, without any graph: the model itself.
    pictures = np.random.default_rng(0).uniform(0, 1, [4, 8, 8, 1]).astype(np.float32)
    answer = write.FORMATS[to].Runtime(content)({"inputs": pictures})
    np.testing.assert_allclose(answer["model_output"], model(pictures), rtol=1e-4, atol=1e-5)
    assert sorted(p.name for p in out.parent.iterdir()) == [out.name, f"{out.name}.json"]


def test_eight_bits_come_with_their_loss(tmp_path: Path) -> None:
    model, out = models.classifier(), tmp_path / "digits.tflite"
    config = override(model.task_config, "data.max_examples=30")
    known = write.write(TASK, config, model, out, "tflite", quantize="dynamic", say=print)
    assert known["quantized"] == "dynamic" and known["metrics"]["examples"] == 30
    assert known["metrics"]["before"].keys() == known["metrics"]["after"].keys()
    assert known["compared"]["limit"] == write.QUANTIZED_LIMIT


def test_a_file_over_the_limit_is_not_left_behind(tmp_path: Path, monkeypatch) -> None:
    class Wrong(to_tflite.Runtime):
        def __call__(self, inputs):
            return {name: value * 1.001 for name, value in super().__call__(inputs).items()}

    monkeypatch.setattr(to_tflite, "Runtime", Wrong)
    model = models.classifier()
    with pytest.raises(
        PerceiverError, match=r"0\.001 of the largest number away.*the limit is 0\.0001"
    ):
        write.write(TASK, model.task_config, model, tmp_path / "digits.tflite", "tflite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["onnx", "tflite"])
def test_what_such_a_file_can_not_hold_is_said_before_the_work(tmp_path, monkeypatch, to) -> None:
    model = models.classifier()
    size = 4 * model.count_params()
    monkeypatch.setattr(write, "MOST_BYTES", size - 1)
    with pytest.raises(PerceiverError, match=r"at most, and the model's weights take .* GB"):
        write.write(TASK, model.task_config, model, tmp_path / f"digits.{to}", to)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "to", "kind", "words"),
    [
        ("folder", "tflite", UsageError, "ends in .tflite: write .*folder.tflite"),
        ("a.tflite", "onnx", UsageError, "an ONNX file ends in .onnx"),
        ("/", "onnx", UsageError, "ends in .onnx: write /model.onnx"),
        ("there.tflite", "tflite", PerceiverError, "there.tflite exists"),
        ("half.tflite", "tflite", PerceiverError, "half.tflite.json exists"),
    ],
)
def test_what_is_refused_before_a_model_is_loaded(tmp_path, name, to, kind, words) -> None:
    for existing in ("there.tflite", "half.tflite.json"):
        (tmp_path / existing).touch()
    with pytest.raises(kind, match=words):
        write.check(tmp_path / name, to)
