"""Mixtures by weight: counts, records, the data sets of the catalogue, joined documents, a folder of texts."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data.store import batches, mixture, source
from perceiver_keras.errors import UsageError

TEXT = {"text": tf.io.FixedLenFeature([], tf.string)}


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Two prepared sets of 30 and 40 texts that tell where they are from."""
    home = tmp_path_factory.mktemp("sets")
    for name, count in (("one", 30), ("two", 40)):
        for split in ("train", "validation", "test"):
            place = home / name / "manual" / "text_folder" / split
            place.mkdir(parents=True)
            for i in range(count):
                (place / f"{i:02}.txt").write_bytes(f"{name} {split} {i}".encode())
    return {name: source.open_builder("text_folder", str(home / name)) for name in ("one", "two")}


@pytest.fixture
def mixed(texts):
    return mixture.Mixture("one@7+two@3", lambda name: texts[name])


def sources(records_or_examples):
    found = [tf.train.Example.FromString(e) for e in records_or_examples]
    names = [e.features.feature["text"].bytes_list.value[0].split()[0] for e in found]
    return collections.Counter(names)


def test_weights_hold_and_the_first_to_run_out_is_whole(mixed):
    records = source.builder_records(mixed, "train")
    assert sources(source.take(records, 1000)) == {b"one": 30, b"two": 13}
    assert records.num_examples == 43 and mixed.counts("train") == [30, 13]
    assert sources(source.serialized_examples(mixed, "train")) == {b"one": 30, b"two": 13}
    assert mixture.shares([1000, 10], [0.7, 0.3]) == [23, 10]


def test_a_mixture_is_one_data_set_to_everything_else(mixed):
    assert source.label_names(mixed) is None
    one = source.fingerprint(mixed, ["train"])
    assert one == source.fingerprint(mixed, ["train"]) != source.fingerprint(mixed, ["test"])


@pytest.mark.parametrize("wrong", ["a@0.7+b", "a@x", "@1", "a@-1", "a@0.5+@0.5"])
def test_what_is_not_a_mixture_is_an_error(wrong):
    with pytest.raises(UsageError, match="NAME@WEIGHT"):
        source.open_builder(wrong)


def test_documents_are_joined_and_a_saved_iterator_goes_on_exactly(mixed, tmp_path):
    records = source.builder_records(mixed, "train")

    def prepare(features, seed):
        return features["text"], tf.random.stateless_uniform([], seed)

    def iterator():
        made = batches.train_batches(
            records, prepare, TEXT, batch_size=2, seed=0, shuffle_buffer=20, joined=4
        )
        return iter(made)

    running = iterator()
    seen = [next(running)[0].numpy() for _ in range(5)]
    assert all(batch.shape == (2, 4) for batch in seen)
    first = np.concatenate(seen).ravel()  # 40 of an epoch's 43
    assert len(set(first)) == 40
    path = tf.train.Checkpoint(iterator=running).write(str(tmp_path / "saved"))
    expected = [next(running) for _ in range(5)]
    restored = iterator()
    tf.train.Checkpoint(iterator=restored).read(path).assert_consumed()
    for (texts_, drawn), (again, redrawn) in zip(expected, restored, strict=False):
        np.testing.assert_array_equal(texts_, again)
        np.testing.assert_array_equal(drawn, redrawn)


@pytest.mark.parametrize("name", ["wikipedia/20230601.en", "c4/en", "lm1b"])
def test_the_catalogues_corpora_stream_through_the_same_door(name, tmp_path):
    with tfds.testing.mock_data(num_examples=3):
        builder = tfds.builder(name, data_dir=str(tmp_path))
        stored = list(source.serialized_examples(builder, "train"))
    parsed = tf.io.parse_example(stored, TEXT)
    assert parsed["text"].shape == (3,)
