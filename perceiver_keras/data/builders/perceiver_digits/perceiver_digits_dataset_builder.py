"""scikit-learn's real handwritten digits as a TFDS data set: no download, no network.

`tfds build` works in this folder; `perceiver_keras.data.store.source.open_builder` prepares the data set on first use.
This file imports nothing of this package, so that both work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

# The share of each class that a split gets, in the order in which splits are filled. Test gets more than validation
# because the accuracy that people quote is measured on it.
SHARES = {"test": 0.15, "validation": 0.10}


def to_byte(values: np.ndarray) -> np.ndarray:
    """scikit-learn's ink, 0 to 16, as grey, uint8 0 to 255; `to_ink` undoes it exactly."""
    return np.rint(np.asarray(values, np.float64) * 255 / 16).astype(np.uint8)


def to_ink(values: np.ndarray) -> np.ndarray:
    """Grey, 0 to 255, back to ink, float64 0 to 16."""
    return np.rint(np.asarray(values, np.float64) * 16 / 255)


def assign_splits(images: np.ndarray, labels: np.ndarray) -> dict[str, list[int]]:
    """Row numbers of each split: stratified by label, disjoint, the same on every machine.

    Rows are ordered by the SHA-256 of their pixels. That is as good as a shuffle, and needs no random generator whose
    numbers may change between versions. Rows with identical pixels stay together, so no image is in two splits.

    Args:
      images: uint8 [N, H, W] or [N, H, W, C].
      labels: integers [N].
    """
    splits: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        groups: dict[str, list[int]] = {}
        for row in rows:
            groups.setdefault(hashlib.sha256(images[row].tobytes()).hexdigest(), []).append(row)
        waiting = [groups[key] for key in sorted(groups)]
        for split, share in SHARES.items():
            room = round(share * len(rows))
            while waiting and len(waiting[0]) <= room:
                room -= len(waiting[0])
                splits[split] += map(int, waiting.pop(0))
        splits["train"] += [int(row) for group in waiting for row in group]
    return {split: sorted(rows) for split, rows in splits.items()}


class Builder(tfds.core.GeneratorBasedBuilder):
    """1,797 handwritten digits, 8x8 grey pixels, ten classes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release: 75 % train, 10 % validation, 15 % test."}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80/"
            "optical+recognition+of+handwritten+digits",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        # scikit-learn is imported here: listing or reading the data set must not need it.
        from sklearn.datasets import load_digits

        digits = load_digits()
        images, labels = to_byte(digits.images)[..., None], digits.target
        return {
            split: self._generate_examples(images, labels, rows)
            for split, rows in assign_splits(images, labels).items()
        }

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray, rows: list[int]
    ) -> Iterator[tuple[int, dict]]:
        for row in rows:
            yield row, {"image": images[row], "label": int(labels[row])}
