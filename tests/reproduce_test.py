"""Measurements that are stopped and go on; a task of two columns stands in."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras import reproduce
from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.metrics.columns import ColumnRatio
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry

KEYS = [f"{part}/{i}" for part in "ab" for i in range(4)]
BENCHMARK = reproduce.Benchmark(
    name="test-mean", task="test", model="none", protocol="tests:none", claimed={"mean": 2.0},
    source="Nobody 2021, Tab. 1", data="Eight numbers", options={"rule": "plain"},
)  # fmt: skip
WEIGHTS = {"given": "w", "sha256": "0"}


class Numbers:
    """Row i is (i + 1, 2): the mean is the sum of i + 1 over twice their number. May fail on the way."""

    keys, at_once = KEYS, 3

    def __init__(self, fails_at=None):
        self.fails_at, self.asked = fails_at, []

    def rows(self, model, config, keys):
        if self.fails_at in keys:
            raise KeyboardInterrupt
        self.asked += keys
        return np.array([[KEYS.index(key) + 1, 2] for key in keys])

    def group(self, key):
        return key[0]


def load():
    measures = SimpleNamespace(column_metrics=lambda config: [ColumnRatio(0, 1, name="mean")])
    task = SimpleNamespace(measures=measures)
    return task, SimpleNamespace(count_params=lambda: 7), None


def measure(record, protocol, **kwargs):
    arguments = {"weights": WEIGHTS, "options": {}} | kwargs
    return reproduce.reproduce(BENCHMARK, protocol, load, record, **arguments)


def test_the_record_has_claim_measurement_parts_and_what_it_was_made_with(tmp_path):
    record = tmp_path / "new/record.json"
    whole = measure(record, Numbers(), options={"rule": "other"})
    assert json.loads(record.read_text()) == whole
    assert whole["claimed"] == {"mean": 2.0} and whole["measured"] == {"mean": 36 / 16}
    assert whole["groups"] == {"a": {"mean": 10 / 8}, "b": {"mean": 26 / 8}}
    assert list(whole["examples"]) == KEYS and whole["examples"]["b/0"] == [5, 2]
    assert whole["complete"] and whole["num_examples"] == 8
    assert whole["weights"] == "w" and whole["weights_sha256"] == "0"
    assert whole["options"] == {"rule": "other"}
    assert whole["versions"]["tensorflow"] == tf.__version__
    assert whole["source"] == "Nobody 2021, Tab. 1" and whole["parameters"] == 7


@pytest.mark.parametrize("fails_at", ["a/1", "b/0", "b/3"])
def test_a_stopped_measurement_goes_on_to_the_same_record(tmp_path, fails_at):
    once = measure(tmp_path / "once.json", Numbers())
    stopped = Numbers(fails_at)
    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path / "record.json", stopped)
    half = json.loads((tmp_path / "record.json").read_text())
    assert not half["complete"] and list(half["examples"]) == stopped.asked
    rest = Numbers()
    assert measure(tmp_path / "record.json", rest) == once
    assert stopped.asked + rest.asked == KEYS
    assert (tmp_path / "record.json").read_bytes() == (tmp_path / "once.json").read_bytes()
    again = Numbers()
    assert measure(tmp_path / "record.json", again) == once and again.asked == []


def test_a_kill_loses_only_the_last_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "SAVE_SECONDS", -1.0)
    saved = []
    monkeypatch.setattr(reproduce, "write_json", lambda path, whole: saved.append(whole))
    measure(tmp_path / "record.json", Numbers())
    assert [len(whole["examples"]) for whole in saved] == [3, 6, 8, 8]


def test_a_record_of_something_else_is_not_gone_on_with(tmp_path):
    record = tmp_path / "record.json"
    measure(record, Numbers())
    with pytest.raises(UsageError, match="weights_sha256 '0', now '1'.*name another --record"):
        measure(record, Numbers(), weights=WEIGHTS | {"sha256": "1"})
    with pytest.raises(UsageError, match="options {'rule': 'plain'}, now {'rule': 'other'}"):
        measure(record, Numbers(), options={"rule": "other"})
    fewer = Numbers()
    fewer.keys = KEYS[:-1]
    with pytest.raises(UsageError, match="num_examples 8, now 7"):
        measure(record, fewer)
    for damaged in ("{", "[]", '{"examples": 3}'):
        record.write_text(damaged)
        with pytest.raises(PerceiverError, match="not a record of a measurement"):
            measure(record, Numbers())


def test_progress_counts_from_what_is_there(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path / "record.json", Numbers("b/3"))
    measure(tmp_path / "record.json", Numbers(), progress=Progress(8, label="test-mean"))
    assert "test-mean 8/8" in capsys.readouterr().err


# === What is recorded ===


class Wide(Numbers):
    """Rows of 70 numbers; metrics and parts are the protocol's own."""

    def rows(self, model, config, keys):
        return np.array([[KEYS.index(key) + 1 / 3, 2, *range(68)] for key in keys], np.float32)

    def column_metrics(self, config):
        return [ColumnRatio(0, 1, name="own")]

    def parts(self, config, rows):
        return {key: {"own": row[0] / row[1]} for key, row in rows.items() if key < "a/2"}


def test_long_rows_come_back_from_the_record_to_the_last_bit(tmp_path):
    class Stopped(Wide):
        def rows(self, model, config, keys):
            if "b/0" in keys:
                raise KeyboardInterrupt
            return super().rows(model, config, keys)

    once = measure(tmp_path / "once.json", Wide())
    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path / "record.json", Stopped())
    assert measure(tmp_path / "record.json", Wide()) == once
    assert once["measured"] == {"own": pytest.approx((28 + 8 / 3) / 16)}
    assert once["groups"] == {
        "a/0": {"own": pytest.approx(1 / 6)},
        "a/1": {"own": pytest.approx(2 / 3)},
    }
    assert isinstance(once["examples"]["a/0"], str)
    (tmp_path / "record.json").write_text(
        (tmp_path / "once.json").read_text().replace(once["examples"]["b/1"], "AAAA")
    )
    with pytest.raises(PerceiverError, match="not a record of a measurement"):
        measure(tmp_path / "record.json", Wide())


def test_the_record_says_where_a_model_is_not_the_rows():
    row = reproduce.get("imagenet-fourier")
    config = registry.get(row.task).presets[row.model].config
    assert reproduce.differing(row, config) == []
    free = override(config, "model.attention_memory_mb=64", "train.steps=1")
    assert reproduce.differing(row, free) == []
    smaller = override(config, "model.encode.num_latents=8", "model.num_classes=10")
    assert reproduce.differing(row, smaller) == ["encode.num_latents", "num_classes"]
    fewer = reproduce.get("kinetics-392-latents")
    config = registry.get(fewer.task).presets[fewer.model].config
    assert reproduce.differing(fewer, config) == ["encode.num_latents"]
    assert reproduce.differing(fewer, override(config, *fewer.settings)) == []


# === Weights ===


def test_weights_are_told_apart_by_the_hash_of_their_file(tmp_path):
    content = b"weights" * 1000
    file, folder = tmp_path / "a.pystate", tmp_path / "preset"
    file.write_bytes(content)
    folder.mkdir()
    with pytest.raises(PerceiverError, match="preset holds no weights"):
        reproduce.identify(str(folder), "optical_flow")
    (folder / "model.weights.h5").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    found = reproduce.identify(str(file), "optical_flow")
    assert found == {"given": str(file), "sha256": digest}
    assert reproduce.identify(str(folder), "optical_flow")["sha256"] == digest
    with pytest.raises(PerceiverError, match="nothing: No such file"):
        reproduce.identify(str(tmp_path / "nothing"), "optical_flow")


def test_one_model_per_task_is_told_apart_by_all_their_files(tmp_path):
    for task in ("cola", "rte"):
        (tmp_path / task).mkdir()
        (tmp_path / task / "model.weights.h5").write_bytes(task.encode())
    first = reproduce.identify(str(tmp_path), "glue_single_query")["sha256"]
    (tmp_path / "rte" / "model.weights.h5").write_bytes(b"other")
    assert reproduce.identify(str(tmp_path), "glue_single_query")["sha256"] != first


def test_names_that_are_not_utf_8_are_measured_and_gone_on_with(tmp_path):
    class Odd(Numbers):
        keys = ["caf\udce9.jpg"]

        def rows(self, model, config, keys):
            return np.ones([len(keys), 2])

    first = measure(tmp_path / "record.json", Odd())
    assert list(first["examples"]) == Odd.keys
    assert measure(tmp_path / "record.json", Odd()) == first
