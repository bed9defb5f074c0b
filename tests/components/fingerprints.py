"""Stored fingerprints of small data sets, as Describe writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from perceiver_keras.data.alike.example import Fingerprint, fingerprint
from perceiver_keras.data.alike.rows import to_row
from perceiver_keras.data.described.decode import Decoded

Splits = Mapping[str, Sequence[tuple[np.ndarray | str, int]]]
NAMES = ("ant", "bee", "cat")


def of(content: np.ndarray | str, label: int) -> Fingerprint:
    """The fingerprint of a picture or a text with a label."""
    kind = "text" if isinstance(content, str) else "picture"
    value = content.encode() if isinstance(content, str) else content
    decoded = {"content": Decoded(kind, value), "label": Decoded("label", label)}
    return fingerprint(decoded, "label", NAMES)


def write(folder: Path, splits: Splits, files: int = 2) -> str:
    """Writes (content, label) of each split; returns the folder of the artifact."""
    for split, examples in splits.items():
        inside = folder / f"Split-{split}"
        inside.mkdir(parents=True)
        rows = [to_row(index, of(*example)) for index, example in enumerate(examples)]
        edges = [len(rows) * number // files for number in range(files + 1)]
        for number in range(files):
            path = inside / f"data_tfrecord-{number:05d}-of-{files:05d}.gz"
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for row in rows[edges[number] : edges[number + 1]]:
                    writer.write(row)
    return str(folder)
