"""Replays in small: how often target and winner are right, calculated a second time in NumPy."""

from __future__ import annotations

import json

import numpy as np
import pytest

import perceiver_keras as pk
from perceiver_keras import reproduce
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import registry

FEATURES = 9
RNG = np.random.default_rng(7)


@pytest.fixture(scope="module")
def model():
    return pk.EntityEncoder.from_preset("tiny")


@pytest.fixture
def moments(tmp_path):
    found = [
        {
            "entities": RNG.normal(size=(count, FEATURES)).round(3).tolist(),
            "target": int(RNG.integers(count)),
            "won": number % 3 % 2,
        }
        for number, count in enumerate(RNG.integers(1, 14, size=40))
    ]
    (tmp_path / "test.jsonl").write_text("\n\n".join(map(json.dumps, found)) + "\n")
    return found


def test_accuracies_are_those_of_a_second_calculation(tmp_path, model, moments):
    row = reproduce.get("starcraft")
    whole = reproduce.reproduce(
        row,
        row.open(tmp_path, {}),
        lambda: (registry.get(row.task), model, model.task_config),
        tmp_path / "record.json",
        weights={"given": "random", "sha256": "0"},
        options={},
    )
    right = []
    for moment in moments:  # one at a time, without padding
        entities = np.array(moment["entities"], np.float32)[None]
        outputs = model({"entities": entities, "mask": np.ones(entities.shape[:2], np.int64)})
        target = int(np.argmax(outputs["pointer"][0])) == moment["target"]
        winner = (float(outputs["winning"][0]) > 0) == bool(moment["won"])
        right.append([target, winner, moment["won"]])
    right = np.array(right, np.float64)
    names = ("target_accuracy", "winner_accuracy")
    assert whole["measured"] == pytest.approx(dict(zip(names, right.mean(0), strict=False)))
    for outcome, name in ((0, "lost"), (1, "won")):
        own = right[right[:, 2] == outcome].mean(0)
        assert whole["groups"][name] == pytest.approx(dict(zip(names, own, strict=False)))
    assert whole["num_examples"] == 40 and whole["stated"]["win_rate"] == 0.87


def test_other_layouts_and_lines_that_are_no_moments_are_refused(tmp_path, model):
    row = reproduce.get("starcraft")
    with pytest.raises(UsageError, match="neither test.jsonl nor validation.jsonl"):
        row.open(tmp_path, {})
    (tmp_path / "validation.jsonl").write_text("\n")
    with pytest.raises(UsageError, match="has no moments"):
        row.open(tmp_path, {})
    wide = {"entities": [[1.0] * 10], "target": 0, "won": 1}
    (tmp_path / "validation.jsonl").write_text(json.dumps(wide) + "\n{}\n")
    protocol = row.open(tmp_path, {})
    for key, words in (
        ("line 1", "more numbers than the model takes, 9"),
        ("line 2", "not a moment"),
    ):
        with pytest.raises(PerceiverError, match=f"validation.jsonl, {key}: .*{words}"):
            protocol.rows(model, model.task_config, [key])
