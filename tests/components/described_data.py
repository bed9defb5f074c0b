"""Described examples of a small set of pictures, made without pictures, as files and as TFDV's statistics."""

from __future__ import annotations

import copy
import functools
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_data_validation.statistics import stats_impl
from tfx_bsl.coders import example_coder

from perceiver_keras.components import schema_gen
from perceiver_keras.components.data import data_checks, schema_proposal, split_statistics
from perceiver_keras.components.data.describe_shard import to_example
from perceiver_keras.data.alike.example import Fingerprint
from perceiver_keras.data.alike.rows import to_row

CLASSES = ["ant", "bee", "cow", "dog"]
KINDS = {"image": "picture", "label": "label"}
SIZES = {"train": 300, "validation": 60, "test": 80}
LIMITS = data_checks.Limits(drift=0.1, class_drift=0.1, leak_share=0.01)

Rows = list[dict[str, Any]]
Splits = dict[str, Rows]


def splits(seed: int = 0, sizes: Mapping[str, int] = SIZES) -> Splits:
    """Clean data; another seed draws other examples of the same distribution."""
    random = np.random.RandomState(seed)
    return {split: [_row(random) for _ in range(size)] for split, size in sizes.items()}


def _row(random: np.random.RandomState) -> dict[str, Any]:
    return {
        "image/undecodable": 0,
        "image/height": 8,
        "image/width": int(random.choice([8, 12, 16])),
        "image/format": b"PNG",
        "image/mean": float(random.normal(100, 20)),
        "image/sharpness": float(random.lognormal(2, 1)),
        "image/red": float(random.normal(140, 20)),
        "image/blue": float(random.normal(100, 20)),
        "label": random.choice(CLASSES).encode(),
    }


def serialized(rows: Rows) -> list[bytes]:
    return [to_example(row | {split_statistics.INDEX: i}) for i, row in enumerate(rows)]


def statistics(rows: Rows) -> split_statistics.Statistics:
    """What StatisticsGen would make of them."""
    return copy.deepcopy(_statistics(tuple(serialized(rows))))


@functools.lru_cache(maxsize=200)
def _statistics(examples: tuple[bytes, ...]) -> split_statistics.Statistics:
    """Kept, for most tests change one split of the same data, and TFDV takes half a second for a split."""
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(list(examples))
    return stats_impl.generate_statistics_in_memory(batch, split_statistics.statistics_options())


def write_described(folder: str, made: Mapping[str, Rows]) -> None:
    """As Describe writes them, in two files per split."""
    for split, rows in made.items():
        _write(os.path.join(folder, f"Split-{split}"), serialized(rows))


def write_fingerprints(folder: str, made: Mapping[str, Rows]) -> None:
    """As Describe writes them: the same rows but for the label are the same picture."""
    for split, rows in made.items():
        prints = []
        for index, row in enumerate(rows):
            content = repr(sorted((k, v) for k, v in row.items() if k != "label")).encode()
            digest = _digest(content)
            prints.append(to_row(index, Fingerprint(digest, row.get("label", b""), (), b"")))
        _write(os.path.join(folder, f"Split-{split}"), prints)


def write_leaks(folder: str, counted: Mapping[str, Any] | None = None) -> None:
    """As LeakDetector writes them; None: none."""
    os.makedirs(folder, exist_ok=True)
    empty = {"splits": SIZES, "pairs": [], "examples": [], "limit": 0.01}
    with open(os.path.join(folder, "leaks.json"), "w") as file:
        json.dump(empty | dict(counted or {}), file)


def run(folder: str, made: Mapping[str, Rows], classes: Sequence[str] = CLASSES) -> data_checks.Run:
    """A run's data, with its files in `folder`."""
    places = [os.path.join(folder, name) for name in ("described", "fingerprints", "leaks")]
    write_described(places[0], made)
    write_fingerprints(places[1], made)
    write_leaks(places[2])
    loaded = {split: statistics(rows) for split, rows in made.items()}
    schema = schema_proposal.propose(
        loaded, KINDS, classes, schema_gen.whole_values(places[0], loaded)
    )
    return data_checks.Run(
        statistics=loaded,
        schema=schema,
        described=places[0],
        fingerprints=places[1],
        leaks=places[2],
    )


def accepted(of: data_checks.Run, by_hand: bool = False, own: bool = False) -> data_checks.Accepted:
    """That run's data as what is accepted."""
    return data_checks.Accepted(
        schema=of.schema,
        statistics=of.statistics,
        fingerprints=of.fingerprints,
        by_hand=by_hand,
        own=own,
    )


def _digest(content: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(content).digest()[:16]


def _write(folder: str, records: Sequence[bytes]) -> None:
    os.makedirs(folder, exist_ok=True)
    half = len(records) // 2
    for number, part in enumerate((records[:half], records[half:])):
        path = os.path.join(folder, f"data_tfrecord-{number:05d}-of-00002.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for record in part:
                writer.write(record)
