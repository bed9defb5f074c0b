"""A task's batches from its records, and its data set opened by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.store.records import take
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData, eval_batches

SETTINGS = ("data.max_examples=20", "data.batch_size=6", "evaluate.batch_size=8", "train.seed=3")


@pytest.fixture(scope="module")
def task():
    return registry.get("image_classification")


@pytest.fixture(scope="module")
def config(task):
    return override(task.presets["tiny"].config, *SETTINGS)


@pytest.fixture(scope="module")
def data(task, config):
    return TaskData(task, config)


def prepared(task, config, data, split):
    """The same, example by example."""
    spec = task.examples.spec(config)
    parsed = [tf.io.parse_single_example(e, spec) for e in take(data.records(split), 1000)]
    return [task.examples.prepare(f, config, False, tf.zeros([2], tf.int32)) for f in parsed]


def test_evaluation_sees_each_of_at_most_so_many_examples_once(task, config, data):
    batches = list(data.eval_batches("test"))
    assert [len(targets) for _, targets in batches] == [8, 8, 4]
    inputs, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    expected = prepared(task, config, data, "test")
    np.testing.assert_array_equal(targets, [target for _, target in expected])
    np.testing.assert_array_equal(inputs, [picture for picture, _ in expected])
    assert data.labels == [str(digit) for digit in range(10)]


def test_training_is_endless_augmented_and_of_the_seed(task, config, data):
    batches = list(data.train_batches().take(4))
    assert [inputs.shape for inputs, _ in batches] == [(6, 8, 8, 1)] * 4  # 24 of 20 examples
    again = list(TaskData(task, config).train_batches().take(4))
    other = list(TaskData(task, override(config, "train.seed=4")).train_batches().take(4))
    for (one, _), (same, _), (different, _) in zip(batches, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, different)
    plain = {picture.numpy().tobytes() for picture, _ in prepared(task, config, data, "train")}
    assert not plain & {picture.numpy().tobytes() for inputs, _ in batches for picture in inputs}


def test_a_transform_of_batches_comes_before_prepare(task, config, data):
    def transform(features):
        assert features["label"].shape == [1]
        return {"image": features["image"], "label": 9 - features["label"]}

    plain, changed = (
        np.concatenate([t for _, t in eval_batches(task, config, data.records("test"), by)])
        for by in (None, transform)
    )
    np.testing.assert_array_equal(changed, 9 - plain)


def test_a_damaged_record_is_explained(task, config, data, tmp_path):
    (shard,) = data.records("test").shards
    home = os.path.dirname(os.path.dirname(os.path.dirname(shard.path)))
    copy = override(config, f"data.data_dir={shutil.copytree(home, tmp_path / 'data')}")
    broken = TaskData(task, copy)
    (path,) = [shard.path for shard in broken.records("test").shards]
    content = bytearray(Path(path).read_bytes())
    content[40] ^= 1
    Path(path).write_bytes(content)
    with (
        pytest.raises(PerceiverError, match=f"{path} is corrupt at record 0"),
        broken.explained("test"),
    ):
        list(broken.eval_batches("test"))
    with pytest.raises(tf.errors.UnimplementedError, match="mine"), broken.explained("train"):
        raise tf.errors.UnimplementedError(None, None, "mine")


def test_the_data_set_must_fit_the_task(task, config):
    with pytest.raises(UsageError, match="10"):
        TaskData(task, override(config, "model.num_classes=7"))


def test_workers_read_parts_of_a_batch_and_go_on_where_they_were(task, config, data):
    """Two workers of two devices each: four batches of one example and a half each can't be; of 8, two each."""
    training = data.training_data()
    with pytest.raises(
        UsageError, match="data.batch_size=6 .* 2 workers with 2 devices each; use 4 or 8"
    ):
        training.batches(0, 2, 2)
    with pytest.raises(UsageError, match="7 workers with 1 devices each; use 7"):
        training.batches(0, 7)
    config = override(config, "data.batch_size=8")
    training = TaskData(task, config).training_data()
    first = training.batches(1, 2, replicas=2)
    assert next(iter(first))[1].shape == [2]
    later = training.batches(1, 2, replicas=2, used=3)
    for (one, _), (other, _) in zip(first.skip(6).take(3), later.take(3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_facts_of_the_data_do_not_name_its_folder(task, config, data, tmp_path):
    (shard,) = data.records("test").shards
    home = os.path.dirname(os.path.dirname(os.path.dirname(shard.path)))
    copy = override(config, f"data.data_dir={shutil.copytree(home, tmp_path / 'data')}")
    facts = data.training_data().facts
    assert TaskData(task, copy).training_data().facts == facts and facts["examples"] == 20
    other = TaskData(task, override(config, "data.max_examples=19")).training_data()
    assert other.facts != facts
