"""A data set of TFDS serves training, validation and test whatever splits it has."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.own import catalogue, pictures
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError


@pytest.mark.parametrize(
    ("known", "want"),
    [
        (["train", "test"], {"train": "train[:90%]", "validation": "train[90%:]", "test": "test"}),
        (
            ["train", "validation"],
            {"train": "train[:90%]", "validation": "train[90%:]", "test": "validation"},
        ),
        (
            ["train"],
            {"train": "train[:75%]", "validation": "train[75%:85%]", "test": "train[85%:]"},
        ),
        (
            ["train", "valid", "test", "extra"],
            {"train": "train", "validation": "valid", "test": "test"},
        ),
        (
            ["test", "train", "unsupervised"],
            {"train": "train[:90%]", "validation": "train[90%:]", "test": "test"},
        ),
    ],
)
def test_missing_splits_are_parts_of_train(known, want) -> None:
    assert catalogue.usual_splits(known) == want


def test_a_set_without_training_split_is_refused() -> None:
    with pytest.raises(UsageError, match="no split to train on; it has a, test"):
        catalogue.usual_splits(["a", "test"])


def test_a_prepared_set_is_looked_at(tmp_path_factory) -> None:
    data_dir = str(tmp_path_factory.mktemp("data"))
    builder = source.open_builder("perceiver_digits", data_dir)
    found = catalogue.look("perceiver_digits", data_dir, "label", measure=len)
    assert found.labels == tuple("0123456789") and found.measured == 200
    truth = Counter(str(e["label"]) for e in builder.as_dataset("test").as_numpy_iterator())
    assert found.counts("test") == truth and found.counts("train") == Counter()
    assert found.sizes == {name: info.num_examples for name, info in builder.info.splits.items()}
    assert "10" in dict(found.rows())["classes"] and "perceiver_digits" in str(found)


def test_a_set_of_the_real_catalogue_without_validation_split(tmp_path) -> None:
    """MNIST as TFDS has it, with few pictures: its own features, version and splits."""

    class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        name = "mnist"
        VERSION = tfds.builder_cls("mnist").VERSION

        def _info(self) -> tfds.core.DatasetInfo:
            features = {
                "image": tfds.features.Image(shape=(28, 28, 1)),
                "label": tfds.features.ClassLabel(num_classes=10),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(40), "test": self._generate_examples(20)}

        def _generate_examples(self, count):
            for number in range(count):
                yield number, {"image": np.full((28, 28, 1), number, np.uint8), "label": number % 5}

    Mnist(data_dir=str(tmp_path)).download_and_prepare(file_format="tfrecord")
    found = catalogue.look("mnist", str(tmp_path), "label", pictures.measure_examples)
    assert found.sizes == {"train": 36, "validation": 4, "test": 20}
    assert found.labels == tuple("0123456789") and found.counts("test") == dict.fromkeys("01234", 4)
    assert found.measured["median"] == (28, 28) and found.measured["channels"] == 1
