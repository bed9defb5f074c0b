"""The paper's values for GLUE: claimed averages, and development sets read from TFDS."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from perceiver_keras import reproduce
from perceiver_keras.config_tree import override
from perceiver_keras.data.text.glue import EIGHT, task_named
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.glue import TASK, submission
from perceiver_keras.tasks.glue.metrics import column_metrics
from perceiver_keras.tasks.glue.presets import PRESETS
from tests.tasks.glue.small import CONFIG, model_of


def test_claimed_averages_are_the_means_of_the_claimed_values():
    """MNLI's two count as one, as `glue_average` does it."""
    for name, benchmark in reproduce.benchmarks().items():
        if benchmark.task != "glue":
            continue
        config = PRESETS[benchmark.model].config
        if benchmark.loader:  # one model per task
            config = override(config, f"model.tasks={json.dumps(EIGHT)}", "data.mismatched=true")
        if "glue_average" in benchmark.claimed and len(benchmark.claimed) > 1:
            claimed = dict(benchmark.claimed)
            average = claimed.pop("glue_average")
            mnli = [claimed.pop(key) for key in list(claimed) if key.startswith("mnli")]
            assert np.mean([*claimed.values(), np.mean(mnli)]) == pytest.approx(average, abs=6e-5)
            assert claimed.keys() <= {metric.name for metric in column_metrics(config)}
        elif "glue_average" not in benchmark.claimed:
            task = name.removeprefix("glue-")
            config = override(config, f'model.tasks=["{task}"]', "data.mismatched=true")
            names = {metric.name for metric in column_metrics(config)}
            assert benchmark.claimed.keys() <= names


def test_a_benchmark_reads_tfds_s_development_sets(tmp_path, monkeypatch):
    monkeypatch.setattr(submission.source, "open_builder", lambda name, _: tfds.builder(name))
    with tfds.testing.mock_data(num_examples=2):
        protocol = reproduce.get("glue-rte").open(tmp_path, {})
        assert [protocol.group(key) for key in protocol.keys] == ["rte"] * len(protocol.keys)
        config = override(CONFIG, 'model.tasks=["rte"]')
        rows = protocol.rows(model_of(config), config, protocol.keys)
    assert rows.shape[0] == len(protocol.keys)
    assert set(rows[:, 0]) == {task_named("rte").number}
    with pytest.raises(UsageError, match="answer cola, but not rte"):
        protocol.rows(None, override(CONFIG, 'model.tasks=["cola"]'), protocol.keys)


def test_mnli_s_second_set_is_measured_whatever_the_model_was_trained_to_judge(monkeypatch):
    """Two examples of each set; those of the matched set are right, those of the other wrong."""
    monkeypatch.setattr(submission.source, "open_builder", lambda name, _: tfds.builder(name))
    with tfds.testing.mock_data(num_examples=2):
        protocol = reproduce.get("glue-mnli").open("DATA", {})
    rows = np.zeros((4, 49), np.float32)
    rows[:, 0] = np.repeat([task_named(name).number for name in ("mnli", "mnli_mismatched")], 2)
    rows[:, 2] = [0, 0, 1, 1]
    for mismatched in ("true", "false"):
        config = override(CONFIG, 'model.tasks=["mnli"]', f"data.mismatched={mismatched}")
        found = reproduce.metrics(TASK, config, rows, protocol)
        assert (found["mnli_accuracy"], found["mnli_mismatched_accuracy"]) == (1, 0)
        assert found["glue_average"] == 0.5
