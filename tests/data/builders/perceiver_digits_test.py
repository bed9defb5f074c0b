"""The digits: TFDS's own checks, the splits, the scaling, and `tfds build` in the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

from perceiver_keras.data.builders.perceiver_digits import (
    perceiver_digits_dataset_builder as digits,
)

FOLDER = Path(digits.__file__).parent


class PerceiverDigitsTest(tfds.testing.DatasetBuilderTestCase):
    """Registration, preparing, serialization, disjoint splits, tags, as TFDS tests its own."""

    DATASET_CLASS = digits.Builder
    SPLITS = {"train": 1349, "validation": 179, "test": 269}
    EXAMPLE_DIR = str(FOLDER)  # it reads no example files: the digits come with scikit-learn


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    builder = digits.Builder(data_dir=str(tmp_path_factory.mktemp("data")))
    builder.download_and_prepare()
    return {
        name: list(tfds.as_numpy(builder.as_dataset(split=name))) for name in builder.info.splits
    }


def _key(example) -> tuple[bytes, int]:
    return example["image"].tobytes(), int(example["label"])


def test_every_digit_is_in_one_split_and_scales_back(splits):
    source = load_digits()
    expected = Counter(
        (image.astype(np.uint8).tobytes(), int(label))
        for image, label in zip(source.images, source.target, strict=True)
    )
    found = Counter(
        (digits.to_ink(example["image"]).astype(np.uint8).tobytes(), int(example["label"]))
        for split in splits.values()
        for example in split
    )
    assert found == expected


def test_ink_scales_to_the_ends_and_back():
    ink = np.arange(17)
    grey = digits.to_byte(ink)
    assert (grey[0], grey[-1], len(set(grey))) == (0, 255, 17)
    np.testing.assert_array_equal(digits.to_ink(grey), ink)


def test_no_picture_is_in_two_splits(splits):
    pictures = [{_key(example)[0] for example in split} for split in splits.values()]
    assert not (pictures[0] & pictures[1] or pictures[0] & pictures[2] or pictures[1] & pictures[2])


def test_splits_are_stratified(splits):
    for name, share in (("train", 0.75), ("validation", 0.10), ("test", 0.15)):
        counts = Counter(int(example["label"]) for example in splits[name])
        for label, total in Counter(load_digits().target.tolist()).items():
            assert abs(counts[label] - share * total) <= 1, (name, label)


def test_copies_of_a_picture_stay_together_and_order_does_not_matter():
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (60, 2, 2)).astype(np.uint8)
    images[40:] = images[:20]
    labels = np.arange(60) % 2
    splits = digits.assign_splits(images, labels)
    assert sorted(sum(splits.values(), [])) == list(range(60))
    for rows in splits.values():
        assert all((row % 40 in rows) and (row % 40 + 40 in rows) for row in rows if row % 40 < 20)
    order = random.permutation(60)
    again = digits.assign_splits(images[order], labels[order])
    for name, rows in splits.items():
        assert sorted(order[again[name]]) == rows


def test_tfds_build_takes_it_from_its_folder(tmp_path):
    # In its own folder, without our package on the path: the file stands alone.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "tfds"), "build", "--data_dir", tmp_path],
        cwd=FOLDER,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    built = tfds.builder_from_directory(tmp_path / "perceiver_digits" / "1.0.0")
    sizes = {name: split.num_examples for name, split in built.info.splits.items()}
    assert sizes == PerceiverDigitsTest.SPLITS
