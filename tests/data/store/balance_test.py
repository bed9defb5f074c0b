"""Class-balanced batches: equal shares of the classes, new copies each time, exact restarts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.store import batches
from perceiver_keras.data.store.balance import MOST_COPIES, balanced, class_rates
from perceiver_keras.data.store.records import file_records
from perceiver_keras.errors import UsageError

COUNTS = (40, 10, 0, 3)  # by class
FEATURES = {
    "label": tf.io.FixedLenFeature([], tf.int64),
    "number": tf.io.FixedLenFeature([], tf.int64),
    "score": tf.io.FixedLenFeature([], tf.float32),
    "several": tf.io.FixedLenFeature([2], tf.int64),
}


def _example(label: int, number: int) -> bytes:
    def of(*values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    score = tf.train.Feature(float_list=tf.train.FloatList(value=[0.5]))
    features = {"label": of(label), "number": of(number), "several": of(0, 1), "score": score}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    labels = [label for label, count in enumerate(COUNTS) for _ in range(count)]
    for file in range(2):
        with tf.io.TFRecordWriter(str(folder / f"{file}.gz"), options="GZIP") as writer:
            for number in range(file, len(labels), 2):
                writer.write(_example(labels[number], number))
    return file_records(str(folder / "*.gz"))


@pytest.fixture(scope="module")
def balance(records):
    return balanced(batches.serialized(records), FEATURES, "label")


def _prepare(features, seed):
    drawn = tf.random.stateless_uniform([], seed)
    return (features["number"], drawn, features[batches.SEEN]), features["label"]


def _train(records, balance, **options):
    settings = {"batch_size": 8, "seed": 3, "shuffle_buffer": 200} | options
    return batches.train_batches(records, _prepare, FEATURES, balance=balance, **settings)


def test_rates_are_those_of_sklearn_up_to_a_factor(balance):
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 3], [40, 10, 3])
    weights = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    np.testing.assert_allclose(np.array(balance.rates)[[0, 1, 3]], weights / weights[0], rtol=1e-6)
    assert balance.rates[2] == 0 and balance.epoch == 3 * 40


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=20).filter(any))
def test_all_classes_come_equally_often_and_no_example_floods_the_buffer(counts):
    rates = class_rates(np.array(counts))
    shares = rates * counts
    np.testing.assert_allclose(shares[shares > 0], shares.max(), rtol=1e-9)
    assert rates.max() <= MOST_COPIES * (1 + 1e-9)
    assert rates[np.argmax(counts)] <= 1 + 1e-9


def test_batches_hold_all_classes_equally_and_every_example(records, balance):
    numbers, draws, seen, labels = [], [], [], []
    for (number, draw, so_far), label in _train(records, balance).take(300):
        numbers += number.numpy().tolist()
        draws += draw.numpy().tolist()
        seen += so_far.numpy().tolist()
        labels += label.numpy().tolist()
    shares = np.bincount(labels, minlength=4) / len(labels)
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.02)
    assert set(numbers) == set(range(53))
    assert len(set(draws)) == len(draws)  # no two copies are augmented alike
    assert abs(seen[-1] - len(seen)) < 60  # what schedules read


def test_an_interrupted_stream_continues_exactly(records, balance, tmp_path):
    whole = [pair[0][1].numpy().tolist() for pair in _train(records, balance).take(40)]
    iterator = iter(_train(records, balance))
    for _ in range(17):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "here"))
    again = iter(_train(records, balance))
    tf.train.Checkpoint(iterator=again).read(path).assert_consumed()
    assert [next(again)[0][1].numpy().tolist() for _ in range(23)] == whole[17:]


@pytest.mark.parametrize("name", ["score", "several", None, "nothing"])
def test_examples_without_one_class_are_refused(records, name):
    with pytest.raises(UsageError, match="no single class"):
        balanced(batches.serialized(records), FEATURES, name)


def test_the_indices_of_a_batch_with_copies_are_those_of_its_examples(records, balance):
    order = {"batch_size": 9, "seed": 3, "shuffle_buffer": 16, "used": 4, "balance": balance}

    def stored(features, seed):
        return features["label"], 0

    ((labels, _),) = batches.train_batches(records, stored, FEATURES, **order).take(1)
    of_all = [int(label) for label in _labels(records)]
    indices = batches.indices_of_batch(records, **order)
    assert [of_all[index] for index in indices] == labels.numpy().tolist()


def _labels(records):
    for example in batches.serialized(records):
        yield tf.io.parse_single_example(example, FEATURES)["label"]
