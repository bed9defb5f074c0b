"""The rendered pairs as a data set: few of them, in the features that all data sets of flow have."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.perceiver_flow import perceiver_flow_dataset_builder as module
from perceiver_keras.data.scenes import photographs
from perceiver_keras.data.store.records import serialized_examples
from perceiver_keras.errors import PerceiverError, UsageError

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


def test_no_photograph_is_in_two_splits():
    sources = {name: set(of) for name, of in photographs.PHOTOGRAPHS.items()}
    assert not sources["train"] & sources["validation"] and not sources["train"] & sources["test"]
    assert not sources["validation"] & sources["test"]
    # Nor are two moments of one shot: the film's shots begin at these frames.
    shots = np.array([0, 30, 83, 137, 187, 242])

    def of_film(split):
        frames = [frame for name, frame in sources[split] if "bikes" in name]
        return {int(np.searchsorted(shots, frame, side="right")) for frame in frames}

    assert of_film("test") and not of_film("test") & (of_film("train") | of_film("validation"))


def test_photographs_are_those_that_packages_ship():
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    train = photographs.photographs("train")
    assert np.abs(train[0].astype(int) - china).max() <= 1
    assert np.abs(train[1].astype(int) - flower).max() <= 1
    assert [picture.shape for picture in photographs.photographs("test")] == [
        *((272, 640, 3), (144, 176, 3))
    ]
    assert len({picture.tobytes() for picture in train}) == len(photographs.PHOTOGRAPHS["train"])


def test_what_is_missing_is_said(monkeypatch):
    with pytest.raises(UsageError, match="Did you mean 'train'"):
        photographs.photographs("trian")
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "test", (("no_such_package:a.jpg", None),))
    with pytest.raises(PerceiverError, match=r"no_such_package is not installed: `pip install"):
        photographs.photographs("test")
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "test", (("sklearn:a.jpg", None),))
    with pytest.raises(PerceiverError, match="installed sklearn has no file a.jpg"):
        photographs.photographs("test")
