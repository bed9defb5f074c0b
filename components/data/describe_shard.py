"""One file of an Examples artifact into two: what is measured of each example, and its fingerprint.

A file is Beam's unit of work and of retries. What is written depends on the file alone, in its order, and every file
is written under another name and then renamed, as in `example_shard.py`.
"""

from __future__ import annotations

import dataclasses
import os
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam

ASIDE = "aside"  # the folder for files that are being written, next to the splits
INDEX = (
    "perceiver/index"  # the place of an example in its split, in described rows and in fingerprints
)


@dataclasses.dataclass(frozen=True)
class Request:
    """What all files share: plain values, which Beam can send to other machines.

    Attributes:
      described, fingerprints: Where the two artifacts are.
      task: A registered task; config_json: its configuration; None: that of the tiny preset.
      label_names: Of the data set's classes; None if they have none.
    """

    described: str
    fingerprints: str
    task: str
    config_json: str | None
    label_names: tuple[str, ...] | None


@dataclasses.dataclass(frozen=True)
class Shard:
    """A file, and its number among those of its split, from 0."""

    split: str
    number: int
    path: str


class CountExamples(beam.DoFn):
    """Shard -> ((split, number), how many examples it has)."""

    def process(self, shard: Shard) -> Iterator[tuple[tuple[str, int], int]]:
        yield (shard.split, shard.number), sum(1 for _ in read(shard.path))


class DescribeShard(beam.DoFn):
    """Shard -> the split's name and how many of its examples were described; writes a file into both artifacts."""

    def __init__(self, request: Request):
        self._request = request

    def setup(self) -> None:
        # Imported here so that Beam's workers can unpickle this module without TensorFlow.
        from perceiver_keras.config_tree import from_json
        from perceiver_keras.tasks import registry

        task = registry.get(self._request.task)
        config = task.presets["tiny"].config
        if self._request.config_json:
            config = from_json(task.config_class, self._request.config_json)
        self._kinds = dict(task.examples.kinds(config))
        self._parts = dict(task.examples.names(config))
        self._label = task.examples.label_of(config)

    def process(
        self, shard: Shard, counts: Mapping[tuple[str, int], int]
    ) -> Iterator[tuple[str, int]]:
        """`counts`: of all files of the split before this one, at least."""
        first = sum(counts[shard.split, number] for number in range(shard.number))
        yield shard.split, self._write(shard, first)

    def _write(self, shard: Shard, first: int) -> int:
        import tensorflow as tf

        uris = (self._request.described, self._request.fingerprints)
        asides = [os.path.join(uri, ASIDE, f"{uuid.uuid4().hex}.tmp") for uri in uris]
        targets = [
            os.path.join(uri, f"Split-{shard.split}", os.path.basename(shard.path)) for uri in uris
        ]
        for path in (*asides, *targets):
            tf.io.gfile.makedirs(os.path.dirname(path))
        options = compression(shard.path)
        written = 0
        try:
            with (
                tf.io.TFRecordWriter(asides[0], options) as described,
                tf.io.TFRecordWriter(asides[1], options) as fingerprints,
            ):
                for index, record in enumerate(read(shard.path), start=first):
                    for writer, row in zip(
                        (described, fingerprints), self._rows(index, record), strict=True
                    ):
                        writer.write(row)
                    written += 1
            for aside, target in zip(asides, targets, strict=True):
                tf.io.gfile.rename(aside, target, overwrite=True)
        finally:
            for aside in asides:
                if tf.io.gfile.exists(aside):
                    tf.io.gfile.remove(aside)
        return written

    def _rows(self, index: int, record: bytes) -> tuple[bytes, bytes]:
        import tensorflow as tf

        from perceiver_keras.components.data.example_shard import python_values
        from perceiver_keras.data.alike.example import fingerprint
        from perceiver_keras.data.alike.rows import to_row
        from perceiver_keras.data.described.decode import decode_example
        from perceiver_keras.data.described.example import measured

        features = python_values(tf.train.Example.FromString(record))
        decoded = decode_example(features, self._kinds)
        names = self._request.label_names
        row = to_example(measured(decoded, names, self._parts) | {INDEX: index})
        return row, to_row(index, fingerprint(decoded, self._label, names))


def to_example(values: Mapping[str, Any]) -> bytes:
    """A serialized tf.train.Example of numbers, bytes and lists of bytes; whole numbers become integers."""
    import tensorflow as tf

    made = tf.train.Example()
    for name, value in values.items():
        feature = made.features.feature[name]
        if isinstance(value, list | bytes):
            feature.bytes_list.value.extend(value if isinstance(value, list) else [value])
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.float_list.value.append(value)
    return made.SerializeToString(deterministic=True)


def compression(path: str) -> str:
    """What TensorFlow calls the compression of a file of that name."""
    return "GZIP" if path.endswith(".gz") else ""


def read(path: str) -> Iterator[bytes]:
    """A file's records, in order."""
    import tensorflow as tf

    from perceiver_keras.data.untuned import untuned

    yield from untuned(tf.data.TFRecordDataset(path, compression(path))).as_numpy_iterator()
