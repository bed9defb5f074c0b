"""Training on one bad example: the error names the step and the examples, and the last good state is kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.store import batches
from perceiver_keras.data.store.records import file_records
from perceiver_keras.errors import PerceiverError
from tests import tiny_training as training

FEATURES = {
    "x": tf.io.FixedLenFeature([training.CHANNELS], tf.float32),
    "label": tf.io.FixedLenFeature([], tf.int64),
}
BAD = 37  # its values are not numbers
ORDER = {"batch_size": 4, "seed": 0, "shuffle_buffer": 100}


class Points:
    """Points in two files, of which each worker reads its own part."""

    facts: dict = {}

    def __init__(self, folder):
        values, labels = training.points(48)
        values[BAD] = np.nan
        for file, part in enumerate((range(20), range(20, 48))):
            with tf.io.TFRecordWriter(str(folder / f"{file}.gz"), options="GZIP") as writer:
                for index in part:
                    x = tf.train.Feature(float_list=tf.train.FloatList(value=values[index]))
                    label = tf.train.Feature(int64_list=tf.train.Int64List(value=[labels[index]]))
                    features = tf.train.Features(feature={"x": x, "label": label})
                    writer.write(tf.train.Example(features=features).SerializeToString())
        self._records = file_records(str(folder / "*.gz"))

    def batches(self, worker=0, workers=1, replicas=1, used=0):
        def prepare(features, seed):
            return features["x"], features["label"]

        return batches.train_batches(self._records, prepare, FEATURES, **ORDER, used=used)

    def examples_in(self, batch, workers=1, replicas=1):
        found = batches.indices_of_batch(self._records, **ORDER, used=batch)
        return [self._records.find(index) for index in found]


def test_the_step_and_its_examples_are_named_and_the_last_good_state_is_kept(tmp_path):
    data = Points(tmp_path)
    first = next(n for n, (x, _) in enumerate(data.batches()) if np.isnan(x).any())
    step = first // 2  # each takes two batches
    settings = ("gradient_accumulation=2", "checkpoint_every=1", "steps=20", "deterministic=false")
    config = override(training.CONFIG, *(f"train.{setting}" for setting in settings))
    state = tmp_path / "state"
    with pytest.raises(PerceiverError) as error:
        training.train(config, state, train=data)
    said = str(error.value)
    assert f"not finite at step {step} (batches {2 * step} to {2 * step + 1}," in said
    told = json.loads((state / "not_finite.json").read_text())
    assert told["step"] == step and len(told["examples"]) == 8
    assert ", ".join(str(one["index"]) for one in told["examples"]) in said
    (bad,) = (one for one in told["examples"] if one["index"] == BAD)
    assert bad == {"index": BAD, "file": str(tmp_path / "1.gz"), "record": BAD - 20}
    # What was saved before is whole: a rerun begins right before the step.
    assert f"ckpt-{step}." in said
    with pytest.raises(PerceiverError, match=f"at step {step} "):
        training.train(config, state, train=data)


def test_data_that_does_not_tell_its_examples_still_names_the_batch(tmp_path):
    config = override(training.CONFIG, "train.steps=20", "train.deterministic=false")

    def poison(number, batch):
        return tf.where(number == 13, np.nan, 1.0) * batch[0], batch[1]

    data = training.train_batches(config).enumerate().map(poison)
    with pytest.raises(PerceiverError) as error:
        training.train(config, tmp_path, train=data)
    assert "at step 13 (batch 13, learning rate" in str(error.value)
    assert "ckpt-10" in str(error.value) and "train.learning_rate" in str(error.value)
    assert not (tmp_path / "not_finite.json").exists()
