"""Small models as one: each example is answered by the model of its own task."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras import reproduce
from perceiver_keras.config_tree import override
from perceiver_keras.data.text.glue import EIGHT
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import preset_folder
from perceiver_keras.tasks.glue import benchmark, one_per_task, submission
from tests.tasks.glue.small import CONFIG, model_of

TWO = ("cola", "mnli")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("two")
    for number, task in enumerate(TWO):
        config = override(CONFIG, f'model.tasks=["{task}"]')
        model = model_of(config)
        for variable in model.trainable_variables:  # different from task to task
            variable.assign_add(tf.fill(variable.shape, 0.01 * (number + 1)))
        preset_folder.write(root / task, model, config, "tiny", None)
    return root


@pytest.fixture
def only_two(monkeypatch):
    monkeypatch.setattr(one_per_task, "EIGHT", TWO)
    monkeypatch.setattr(benchmark, "EIGHT", TWO)


def test_each_task_is_answered_by_its_own_model(tmp_path, monkeypatch, folder, only_two):
    monkeypatch.setattr(submission.source, "open_builder", lambda name, _: tfds.builder(name))
    row = reproduce.get("glue-single")
    with tfds.testing.mock_data(num_examples=2):
        protocol = row.open(tmp_path, {})
        _, models, config = row.load(str(folder), None)
        assert config.model.tasks == TWO
        names = [protocol.group(key) for key in protocol.keys]
        assert set(names) == {"cola", "mnli", "mnli_mismatched"}
        rows = protocol.rows(models, config, protocol.keys)
        for name in TWO:
            own = [i for i, other in enumerate(names) if other.startswith(name)]
            alone, its = models.of(name)
            assert its.model.tasks == (name,)
            keys = [protocol.keys[i] for i in own]
            np.testing.assert_array_equal(protocol._rows(alone, its, keys), rows[own])
    assert models.count_params() == models.of("cola")[0].count_params()


def test_a_missing_or_foreign_model_is_named(tmp_path, folder, only_two):
    (tmp_path / "mnli").symlink_to(folder / "cola")
    with pytest.raises(PerceiverError, match="lacks cola; expected a preset folder for each of"):
        one_per_task.load(str(tmp_path))
    (tmp_path / "cola").symlink_to(folder / "cola")
    with pytest.raises(UsageError, match="mnli was not trained on mnli"):
        one_per_task.load(str(tmp_path))[1].of("mnli")
    (tmp_path / "mnli").unlink()
    (tmp_path / "mnli").mkdir()
    (tmp_path / "mnli" / "model.weights.h5").write_bytes(b"")
    (tmp_path / "mnli" / "config.json").write_text("{}")
    about = {"task": "nothing", "preset": "tiny", "labels": None}
    (tmp_path / "mnli" / "task.json").write_text(json.dumps(about))
    with pytest.raises(PerceiverError):
        one_per_task.load(str(tmp_path))


def test_all_eight_are_expected(tmp_path):
    with pytest.raises(PerceiverError, match=f"lacks {', '.join(EIGHT)}"):
        one_per_task.load(str(tmp_path))
