"""The rendered pairs as a data set: few of them, in the features that all data sets of flow have."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.perceiver_flow import perceiver_flow_dataset_builder as module
from perceiver_keras.data.store.records import serialized_examples

PAIRS = {"train": 6, "validation": 2, "test": 3}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    made = module.Builder(data_dir=str(tmp_path_factory.mktemp("data")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAIRS", PAIRS)
        made.download_and_prepare(file_format="tfrecord")
    return made


def test_splits_and_features(builder):
    assert builder.builder_config.name == "tiny"
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == PAIRS
    frames = []
    for example in tfds.as_numpy(builder.as_dataset(split="train")):
        assert example["frame1"].shape == (24, 36, 3) and example["flow"].shape == (24, 36, 2)
        assert 0.2 < np.linalg.norm(example["flow"], axis=-1).mean() < 3
        assert (example["valid"] == 255).all() and set(np.unique(example["occluded"])) <= {0, 255}
        frames += [example["frame1"].tobytes(), example["frame2"].tobytes()]
    assert len(set(frames)) == 12


def test_records_are_as_a_task_reads_them(builder):
    names = ("frame1", "frame2", "flow", "valid", "occluded")
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in names}
    stored = next(iter(serialized_examples(builder, "test")))
    read = tf.io.parse_single_example(stored, spec)
    flow = tf.reshape(tf.io.decode_raw(read["flow"], tf.float32), [24, 36, 2]).numpy()
    frame = tf.io.decode_png(read["frame1"]).numpy()
    decoded = builder.as_dataset(split="test").as_numpy_iterator()
    assert any(
        np.array_equal(flow, example["flow"]) and np.array_equal(frame, example["frame1"])
        for example in decoded
    )
