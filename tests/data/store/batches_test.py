"""Order, randomness and restarts of the batches, against plain Python."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perceiver_keras.data.store import batches
from perceiver_keras.data.store.records import Records, Shard, file_records
from perceiver_keras.errors import UsageError

FEATURES = {
    "number": tf.io.FixedLenFeature([], tf.int64),
    "bytes": tf.io.FixedLenFeature([], tf.string),
}


def _example(number: int) -> bytes:
    features = {
        "number": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
        "bytes": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x" * 100])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven files of 1 to 13 examples, 49 in all, numbered through."""
    folder, number = tmp_path_factory.mktemp("records"), 0
    for file in range(7):
        with tf.io.TFRecordWriter(str(folder / f"{file}.gz"), options="GZIP") as writer:
            for _ in range(1 + 2 * file):
                writer.write(_example(number))
                number += 1
    return folder


@pytest.fixture(scope="module")
def records(folder) -> Records:
    return file_records(str(folder / "*.gz"))


def _prepare(features, seed):
    # What comes out shows which seed came in.
    return features["number"], tf.random.stateless_uniform([], seed)


def _train(records, **options):
    settings = {"batch_size": 5, "seed": 3, "shuffle_buffer": 16} | options
    return batches.train_batches(records, _prepare, FEATURES, **settings)


def _numbers(dataset, count):
    return [int(n) for numbers, _ in dataset.take(count) for n in numbers]


def test_each_example_has_its_place_as_index(records):
    assert records.num_examples == 49
    found = [
        n.numpy().item() for n, _ in batches.eval_batches(records, _prepare, FEATURES, batch_size=1)
    ]
    assert found == list(range(49))


def test_an_epoch_holds_each_example_once_and_epochs_differ(records):
    numbers = _numbers(_train(records, batch_size=7), 21)
    epochs = [numbers[i : i + 49] for i in (0, 49, 98)]
    assert all(sorted(epoch) == list(range(49)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] and epochs[0] != sorted(epochs[0])


def test_a_buffer_for_all_shuffles_well(records):
    """Where an example comes is not tied to where it is stored: rank correlation is near 0."""
    dataset = _train(records, batch_size=49, shuffle_buffer=1000)
    correlations = [
        np.corrcoef(np.argsort(numbers.numpy()), np.arange(49))[0, 1]
        for numbers, _ in dataset.take(20)
    ]
    assert abs(np.mean(correlations)) < 4 / np.sqrt(48 * 20)


def test_same_seed_same_batches_whatever_the_parallelism(records):
    def run(**options):
        return [
            (n.numpy().tolist(), r.numpy().tolist()) for n, r in _train(records, **options).take(25)
        ]

    one = run(num_parallel_calls=1)
    assert one == run(num_parallel_calls=4) == run(num_parallel_calls=tf.data.AUTOTUNE)
    assert one != run(seed=4)


def test_randomness_of_an_example_is_its_own(records):
    """(seed, epoch, example) decide the draw, whatever the order; another epoch draws anew."""

    def draws(**options):
        found = {}
        for step, (numbers, values) in enumerate(_train(records, batch_size=49, **options).take(2)):
            found |= {(step, int(n)): float(v) for n, v in zip(numbers, values, strict=True)}
        return found

    small, large = draws(shuffle_buffer=2), draws(shuffle_buffer=100)
    assert small == large
    assert len(set(small.values())) == 98


def test_an_example_knows_how_many_came_before(records, tmp_path):
    """Counted over epochs, whatever the order, and over workers; also after a restart."""

    def counted(features, seed):
        return features["number"], features[batches.SEEN]

    def dataset(**options):
        settings = {"batch_size": 7, "seed": 3, "shuffle_buffer": 16} | options
        return batches.train_batches(records, counted, FEATURES, **settings)

    def seen(batches_of, count):
        return [int(n) for _, numbers in batches_of.take(count) for n in numbers]

    assert seen(dataset(), 21) == list(range(147))
    assert seen(dataset(num_shards=2, shard_index=1), 1) == list(range(0, 14, 2))
    iterator = iter(dataset())
    for _ in range(9):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "saved"))
    restored = iter(dataset())
    tf.train.Checkpoint(iterator=restored).read(path).assert_consumed()
    assert next(restored)[1].numpy().tolist() == list(range(63, 70))


@pytest.mark.parametrize("steps", [0, 14, 27])
def test_a_saved_iterator_goes_on_exactly(records, tmp_path, steps):
    """Saved at the start, in epoch 2 and in epoch 3: an epoch is 9.8 batches."""
    iterator = iter(_train(records, num_parallel_calls=4))
    for _ in range(steps):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "saved"))
    expected = [next(iterator) for _ in range(25)]
    restored = iter(_train(records, num_parallel_calls=4))
    for _ in range(2):
        next(restored)
    tf.train.Checkpoint(iterator=restored).read(path).assert_consumed()
    for (numbers, values), (found, drawn) in zip(expected, restored, strict=False):
        np.testing.assert_array_equal(numbers, found)
        np.testing.assert_array_equal(values, drawn)


def test_what_is_saved_is_encoded(records, tmp_path):
    """Two ready batches at the most; the shuffle buffer holds the stored examples, not pictures."""

    def picture(features, seed):
        return tf.random.stateless_uniform([64, 64, 3], seed), features["number"]

    dataset = batches.train_batches(
        records, picture, FEATURES, batch_size=2, seed=0, shuffle_buffer=49
    )
    iterator = iter(dataset)
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "saved"))
    # Ready batches and what tf.data has in work at the moment, more on a busy machine; not all 49 pictures.
    pictures = 64 * 64 * 3 * 4 * 49
    assert os.path.getsize(f"{path}.data-00000-of-00001") < pictures


@pytest.mark.parametrize("workers", [2, 7, 10])
def test_workers_share_each_epoch_equally(records, workers, monkeypatch):
    """Nothing twice, nothing left out, and the parts are as long as each other, but for one example."""
    monkeypatch.setattr(batches, "_EPOCHS", 2)
    epochs: dict[int, list[list[int]]] = {0: [], 1: []}
    for index in range(workers):
        dataset = batches.train_batches(
            records, lambda features, seed: (features["number"], features[batches.EPOCH]), FEATURES,
            batch_size=1, seed=3, shuffle_buffer=16, num_shards=workers, shard_index=index,
        )  # fmt: skip
        found = [(int(number[0]), int(epoch[0])) for number, epoch in dataset]
        for epoch, parts in epochs.items():
            parts.append([number for number, of in found if of == epoch])
    for parts in epochs.values():
        assert sorted(sum(parts, [])) == list(range(49))
        assert {len(part) for part in parts} <= {49 // workers, -(-49 // workers)}
    assert epochs[0] != epochs[1]


def test_a_worker_opens_only_the_files_of_its_part(records, folder, tmp_path):
    """One of seven: without the other files it still reads its first epoch."""
    for file in range(7):
        (tmp_path / f"{file}.gz").write_bytes((folder / f"{file}.gz").read_bytes())
    moved = Records(
        tuple(Shard(str(tmp_path / os.path.basename(s.path)), s.skip, s.take) for s in records.shards),
        "GZIP", 49,
    )  # fmt: skip
    opened = set()
    for file in range(7):
        (tmp_path / f"{file}.gz").rename(tmp_path / "away")
        try:
            assert len(_numbers(_train(moved, batch_size=7, num_shards=7, shard_index=2), 1)) == 7
        except tf.errors.NotFoundError:
            opened.add(file)
        (tmp_path / "away").rename(tmp_path / f"{file}.gz")
    assert 1 <= len(opened) < 7


@pytest.mark.parametrize(
    "options",
    [{}, {"num_shards": 2, "shard_index": 1}, {"joined": 3}, {"num_shards": 3, "joined": 2}],
)
@pytest.mark.parametrize("used", [1, 9, 40])
def test_what_was_used_is_left_out_exactly(records, options, used):
    """As if it had been read and thrown away, with the same draws."""

    def prepare(features, seed):
        count = features[batches.SEEN] if "joined" not in options else features[batches.EPOCH]
        return features["number"], (tf.random.stateless_uniform([], seed), count)

    def dataset(**more):
        settings = {"batch_size": 2, "seed": 3, "shuffle_buffer": 16} | options | more
        return batches.train_batches(records, prepare, FEATURES, **settings)

    expected, found = (list(d.take(4)) for d in (dataset().skip(used), dataset(used=used)))
    tf.nest.map_structure(np.testing.assert_array_equal, found, expected)


def test_more_workers_than_examples_are_refused(records):
    with pytest.raises(UsageError, match="49 examples cannot be shared by 50 workers"):
        _train(records, num_shards=50)
    with pytest.raises(UsageError, match="shard_index is 2; expected 0 to 1"):
        _train(records, num_shards=2, shard_index=2)


def test_eval_batches_end_with_what_is_left(records):
    dataset = batches.eval_batches(records, _prepare, FEATURES, batch_size=20)
    assert dataset.cardinality() == 3
    first, second = list(dataset), list(dataset)
    assert [len(numbers) for numbers, _ in first] == [20, 20, 9]
    for (numbers, values), (again, drawn) in zip(first, second, strict=True):
        np.testing.assert_array_equal(numbers, again)
        np.testing.assert_array_equal(values, drawn)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    parts=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 12), st.integers(1, 13)), min_size=1
    ),
    buffer=st.integers(1, 60),
    seed=st.integers(0, 1 << 61),
)
def test_any_cut_of_the_files_is_read_whole(folder, parts, buffer, seed):
    """Records with skips and takes, the same file more than once: two epochs, each complete."""
    starts = [file * file for file in range(7)]  # 1 + 3 + 5 ... before it
    shards, expected = [], []
    for file, skip, take in parts:
        skip = min(skip, 2 * file)
        take = min(take, 1 + 2 * file - skip)
        shards.append(Shard(str(folder / f"{file}.gz"), skip, take))
        expected += range(starts[file] + skip, starts[file] + skip + take)
    cut = Records(tuple(shards), "GZIP", len(expected))
    dataset = batches.train_batches(
        cut, _prepare, FEATURES, batch_size=1, seed=seed, shuffle_buffer=buffer
    )
    numbers = _numbers(dataset, 2 * len(expected))
    assert sorted(numbers[: len(expected)]) == sorted(expected)
    assert sorted(numbers[len(expected) :]) == sorted(expected)


@given(
    used=st.integers(0, 60),
    size=st.integers(1, 7),
    worker=st.integers(0, 2),
    workers=st.integers(1, 3),
    joined=st.integers(1, 3),
)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_indices_of_a_batch_are_those_of_its_examples(
    records, used, size, worker, workers, joined
):
    order = {"batch_size": size, "seed": 5, "shuffle_buffer": 8, "joined": joined}
    order |= {"num_shards": workers, "shard_index": worker % workers, "used": used}

    def prepare(features, seed):
        return features["number"], 0

    ((numbers, _),) = batches.train_batches(records, prepare, FEATURES, **order).take(1)
    assert batches.indices_of_batch(records, **order) == np.ravel(numbers).tolist()
