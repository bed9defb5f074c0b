"""One shard of a data set into one file of an Examples artifact: read, check, write, count.

A shard is Beam's unit of work and of retries. What is written depends on the shard alone, and every
file is written under another name and then renamed: a bundle that runs twice, or in two places at
once, leaves the same bytes. In every run, examples within a file have the order of the data set,
which Beam's own TFRecord sink does not guarantee.
"""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam

DEAD_LETTER = "dead_letter"  # the folder, next to the splits


@dataclasses.dataclass(frozen=True)
class Job:
    """Where a shard is and where it goes. Without a `path`, it has the examples of `expression`.

    Attributes:
      split: TFX's name of the split.
      number, of: The shard's number, from 0, and how many the split has.
      path, skip, take: `take` records of a TFRecord file after the first `skip`.
      expression: A TFDS split, for data sets that are not stored as TFRecord.
      first: The index of its first example within the split.
    """

    split: str
    number: int
    of: int
    first: int
    take: int
    path: str = ""
    skip: int = 0
    expression: str = ""


@dataclasses.dataclass(frozen=True)
class Count:
    """The result of a shard. `fatal` says why the rest of its file can't be read; empty if it can."""

    split: str
    number: int
    written: int
    corrupt: int
    fatal: str = ""


@dataclasses.dataclass(frozen=True)
class Request:
    """What all shards share: plain values, which Beam can send to other machines."""

    uri: str
    dataset: str
    data_dir: str | None
    features: tuple[str, ...] | None
    task: str | None
    config_json: str | None


class WriteShard(beam.DoFn):
    """Job -> Count; writes the shard's file and its dead letters."""

    def __init__(self, request: Request):
        self._request = request

    def setup(self) -> None:
        self._check = checker(self._request.task, self._request.config_json)

    def process(self, job: Job) -> Iterator[Count]:
        # Imported here so that Beam's workers can unpickle this module without TensorFlow.
        from perceiver_keras.errors import PerceiverError

        try:
            yield self._write(job)
        except PerceiverError as error:
            yield Count(job.split, job.number, 0, 0, fatal=str(error))

    def _write(self, job: Job) -> Count:
        import tensorflow as tf

        name = f"{job.number:05d}-of-{job.of:05d}"
        target = os.path.join(self._request.uri, f"Split-{job.split}", f"data_tfrecord-{name}.gz")
        letters = os.path.join(self._request.uri, DEAD_LETTER, f"{job.split}-{name}.jsonl")
        # Never in the split's folder: TFX's readers take every file there.
        aside = os.path.join(self._request.uri, DEAD_LETTER, f"{uuid.uuid4().hex}.tmp")
        written, corrupt, reasons = 0, 0, []
        for folder in (target, letters):
            tf.io.gfile.makedirs(os.path.dirname(folder))
        try:
            with tf.io.TFRecordWriter(aside, options="GZIP") as writer:
                for number, record, reason in self._read(job):
                    if reason is None:
                        record, reason = self._judge(record)
                    if reason is None:
                        writer.write(record)
                        written += 1
                    else:
                        corrupt += 1
                        place = {
                            "file": job.path or f"{self._request.dataset}:{job.expression}",
                            "index": number,
                            "reason": reason,
                        }
                        reasons.append(json.dumps(place))
            if reasons:
                with tf.io.gfile.GFile(f"{aside}.letters", "w") as file:
                    file.write("\n".join(reasons) + "\n")
                tf.io.gfile.rename(f"{aside}.letters", letters, overwrite=True)
            if written:
                tf.io.gfile.rename(aside, target, overwrite=True)
        finally:
            if tf.io.gfile.exists(aside):
                tf.io.gfile.remove(aside)
        return Count(job.split, job.number, written, corrupt)

    def _read(self, job: Job) -> Iterator[tuple[int, bytes, str | None]]:
        from perceiver_keras.data.store import source
        from perceiver_keras.data.store.records import Shard
        from perceiver_keras.data.store.salvage import salvage

        if job.path:
            yield from salvage(Shard(job.path, job.skip, job.take))
            return
        builder = source.open_builder(self._request.dataset, self._request.data_dir)
        examples = source.serialized_examples(builder, job.expression)
        for number, record in enumerate(examples):
            if job.take >= 0 and number >= job.take:
                return
            yield job.first + number, record, None

    def _judge(self, record: bytes) -> tuple[bytes, str | None]:
        """(the record to write, None), or (a record, the reason why it must not be written)."""
        import tensorflow as tf
        from google.protobuf.message import DecodeError

        example = tf.train.Example()
        try:
            example.ParseFromString(record)
        except DecodeError:
            return record, "not a tf.train.Example"
        features = example.features.feature
        if not features:
            return record, "a tf.train.Example without features"
        wanted = self._request.features
        if wanted is not None:
            missing = [key for key in wanted if key not in features]
            if missing:
                return record, f"lacks the feature {missing[0]!r}"
            for key in [key for key in features if key not in wanted]:
                del features[key]
            record = example.SerializeToString(deterministic=True)
        return record, self._check(python_values(example)) if self._check else None


def checker(task: str | None, config_json: str | None) -> Callable[[dict], str | None] | None:
    """The task's `check` of one example's features, with its configuration bound; None without a task."""
    if task is None:
        return None
    from perceiver_keras.config_tree import from_json
    from perceiver_keras.tasks import registry

    found = registry.get(task)
    # The default is the tiny preset's: `check` is about the bytes, not the size of the model.
    config = found.presets["tiny"].config
    if config_json:
        config = from_json(found.config_class, config_json)
    return lambda features: found.examples.check(features, config)


def python_values(example: Any) -> dict[str, list]:
    """{feature: list of its bytes, ints or floats}."""
    features = example.features.feature.items()
    return {
        key: list(getattr(feature, kind).value) if (kind := feature.WhichOneof("kind")) else []
        for key, feature in features
    }
