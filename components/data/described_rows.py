"""Described examples as columns, to find some of them again: a pass over a split, in order, a batch at a time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.components.data.split_statistics import INDEX
from perceiver_keras.data.untuned import untuned

BATCH = 4096
MOST_VALUES = 64  # a measure with more different values than this is not one of a few sizes
Rows = Mapping[str, np.ndarray]


def rows(
    uri: str, split: str, types: Mapping[str, tf.DType]
) -> Iterator[dict[str, tf.SparseTensor]]:
    """Batches of these features, each sparse [rows, values], with `INDEX`."""
    spec = {name: tf.io.VarLenFeature(dtype) for name, dtype in types.items()}
    spec[INDEX] = tf.io.VarLenFeature(tf.int64)
    folder = os.path.join(uri, f"Split-{split}")
    # Not by glob, which takes brackets in the names of folders for a pattern.
    files = [os.path.join(folder, name) for name in sorted(tf.io.gfile.listdir(folder))]
    kind = "GZIP" if files and files[0].endswith(".gz") else ""
    for batch in untuned(tf.data.TFRecordDataset(files, kind).batch(BATCH)):
        yield tf.io.parse_example(batch, spec)


def values_of(uri: str, splits: Iterable[str], names: Iterable[str]) -> dict[str, Counter]:
    """How many examples of all splits have each value of whole numbers; without those of more than `MOST_VALUES`."""
    found = {name: Counter() for name in names}
    for split in splits:
        if not found:
            break
        for batch in rows(uri, split, dict.fromkeys(found, tf.int64)):
            for name in list(found):
                values, counts = np.unique(batch[name].values.numpy(), return_counts=True)
                found[name].update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
                if len(found[name]) > MOST_VALUES:
                    del found[name]
    return found


def count_where(
    uri: str, split: str, name: str, dtype: tf.DType, test: Callable[[np.ndarray], np.ndarray]
) -> tuple[int, list[int], Counter]:
    """How many examples have a value for which `test` holds, the places of the first 8, and those values' counts.

    Args:
      uri, split, name: Of the described examples, and a measure of theirs.
      dtype: tf.int64, tf.float32 or tf.string.
      test: Values [n] -> bool [n].
    """
    total, places, seen = 0, [], Counter()
    for batch in rows(uri, split, {name: dtype}):
        sparse, index = batch[name], _places(batch[INDEX])
        values = sparse.values.numpy()
        holds = test(values) if len(values) else np.zeros(0, bool)
        hit = np.unique(sparse.indices.numpy()[holds, 0])
        total += len(hit)
        places += [int(index[row]) for row in hit[: 8 - len(places)]]
        if len(seen) <= MOST_VALUES:
            seen.update(_plain(value) for value in values[holds].tolist())
    return total, places, seen


def without(uri: str, split: str, name: str, dtype: tf.DType) -> list[int]:
    """The places of the first 8 examples that lack a measure."""
    places: list[int] = []
    for batch in rows(uri, split, {name: dtype}):
        index = _places(batch[INDEX])
        there = set(batch[name].indices.numpy()[:, 0].tolist())
        places += [int(place) for row, place in enumerate(index) if row not in there][
            : 8 - len(places)
        ]
        if len(places) == 8:
            break
    return places


def _places(index: tf.SparseTensor) -> np.ndarray:
    return index.values.numpy()


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
