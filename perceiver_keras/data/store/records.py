"""Stored examples: TFRecord shards of serialized `tf.train.Example`, whole or in part.

`Records` only says where the bytes are. They come from a prepared TFDS builder (`builder_records`: its own shards,
sub-splits as skip and take, nothing is copied) or from a list of files (`file_records`: what TFX components wrote).
`write_records` writes such a file, for builders that are not stored as TFRecord.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.data.untuned import untuned
from perceiver_keras.errors import PerceiverError, UsageError, first_line, nearest
from perceiver_keras.files import aside_of

# Words in TensorFlow's messages about examples that cannot be parsed and bytes that are not a picture.
_UNREADABLE = ("xample", "Key: ", "Feature: ", "image", "decode", "JPEG", "PNG", "GIF", "BMP")


@dataclass(frozen=True)
class Shard:
    """`take` records of a file, after the first `skip`."""

    path: str
    skip: int
    take: int


@dataclass(frozen=True)
class Stored:
    """Where an example is stored: its index among all, its file, and the number of its record in that, from 0."""

    index: int
    file: str
    record: int


@dataclass(frozen=True)
class Records:
    """Shards in a fixed order. The index of an example is its place in that order, from 0.

    Attributes:
      shards: What to read.
      compression: "" or "GZIP", as in `tf.data.TFRecordDataset`.
      num_examples: The sum over the shards' `take`.
    """

    shards: tuple[Shard, ...]
    compression: str
    num_examples: int

    def limit(self, most: int | None) -> Records:
        """The first `most` examples; all of them for None."""
        if most is None or most >= self.num_examples:
            return self
        shards, left = [], most
        for shard in self.shards:
            take = min(shard.take, left)
            if take:
                shards.append(dataclasses.replace(shard, take=take))
            left -= take
        return Records(tuple(shards), self.compression, most)

    def find(self, index: int) -> Stored:
        """Where the example of an index, below `num_examples`, is stored."""
        before = 0
        for shard in self.shards:
            if index < before + shard.take:
                return Stored(index, shard.path, shard.skip + index - before)
            before += shard.take
        raise IndexError(index)


def stored_as_tfrecord(builder: Any, split: str) -> bool:
    """Whether the split of a TFDS builder is on disk as TFRecord, so that it can be streamed."""
    if parts := getattr(builder, "parts", None):  # a mixture
        return all(stored_as_tfrecord(part, split) for part in parts)
    instructions = _instructions(builder, split)
    if not instructions or _file_format(builder) != "tfrecord":
        return False
    return all(tf.io.gfile.exists(os.fspath(item.filename)) for item in instructions)


def builder_records(builder: Any, split: str) -> Records:
    """The builder's own shards of a split.

    Args:
      builder: A prepared TFDS builder, as `source.open_builder` returns it.
      split: A TFDS split expression: "train", "train[:10%]", "train[:80]+test".

    Raises:
      UsageError: There is no such split.
      PerceiverError: The split is not stored as TFRecord, or a file is missing.
    """
    if hasattr(builder, "parts"):  # a mixture
        return builder.records(split)
    instructions = _instructions(builder, split)
    if not instructions:
        raise PerceiverError(
            f"Split {split!r} of {builder.info.full_name} holds no examples in {builder.data_dir}. "
            f"{_has(builder)} Add examples, or name other splits with data.train_split, "
            "data.validation_split and data.test_split."
        )
    if _file_format(builder) != "tfrecord":
        raise PerceiverError(
            f"{builder.info.full_name} is stored as {_file_format(builder)}, not tfrecord. "
            f"Run `tfds build {builder.name} --file_format=tfrecord`, or use the pipeline, whose "
            "TfdsExampleGen converts it."
        )
    shards = tuple(
        Shard(os.fspath(item.filename), item.skip, item.take) for item in instructions if item.take
    )
    for shard in shards:
        if not tf.io.gfile.exists(shard.path):
            raise PerceiverError(
                f"{shard.path} is missing: {builder.info.full_name} is incomplete. Remove "
                f"{builder.data_dir} and prepare it again with `tfds build {builder.name}`."
            )
    return Records(shards, "", sum(shard.take for shard in shards))


def file_records(patterns: str | Sequence[str], compression: str = "GZIP") -> Records:
    """The files that match, sorted by name; each is read once to count its records.

    Args:
      patterns: Globs or paths of TFRecord files.
      compression: "GZIP" (as TFX writes) or "".

    Raises:
      PerceiverError: Nothing matches, or a file is corrupt; the message names it.
    """
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    paths = sorted({path for pattern in patterns for path in tf.io.gfile.glob(pattern)})
    if not paths:
        raise PerceiverError(f"No file matches {', '.join(patterns)}.")
    shards = tuple(Shard(path, 0, _count(path, compression)) for path in paths)
    shards = tuple(shard for shard in shards if shard.take)
    if not shards:
        raise PerceiverError(f"The files of {', '.join(patterns)} hold no examples.")
    return Records(shards, compression, sum(shard.take for shard in shards))


def read_serialized(shard: Shard, compression: str = "") -> Iterator[bytes]:
    """The shard's records, one at a time, as stored.

    Raises:
      PerceiverError: A record is corrupt or truncated (the message has the file and the record's number), or the file
        has fewer records than it should.
    """
    dataset = tf.data.TFRecordDataset(shard.path, compression_type=compression)
    found = 0
    try:
        for record in untuned(dataset.skip(shard.skip).take(shard.take)).as_numpy_iterator():
            yield record
            found += 1
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
        raise PerceiverError(_corrupt(shard.path, shard.skip + found, error)) from error
    except tf.errors.NotFoundError as error:
        raise PerceiverError(f"{shard.path} is missing.") from error
    if found < shard.take:
        raise PerceiverError(
            f"{shard.path} ends after {shard.skip + found} records; "
            f"{shard.skip + shard.take} were expected. It is cut off: prepare the data set again."
        )


def take(records: Records, count: int) -> list[bytes]:
    """The first `count` examples as stored, or all if there are fewer."""
    stored = (
        example
        for shard in records.shards
        for example in read_serialized(shard, records.compression)
    )
    return list(itertools.islice(stored, count))


def serialized_examples(builder: Any, split: str) -> Iterator[bytes]:
    """The split's examples as serialized tf.Examples, whatever format they are stored in; images stay encoded.

    TFRecord files are streamed byte by byte. Anything else (array_record, parquet, and `tfds.testing.mock_data`) is
    read through the builder and serialized by its own features.
    """
    if stored_as_tfrecord(builder, split):
        for shard in builder_records(builder, split).shards:
            yield from read_serialized(shard)
        return
    if hasattr(builder, "parts"):  # a mixture
        yield from builder.examples(split)
        return
    import tensorflow_datasets as tfds

    features = builder.info.features
    encoded = {
        key
        for key, feature in features.items()
        if isinstance(feature, (tfds.features.Image, tfds.features.Video, tfds.features.Audio))
    }
    try:
        dataset = builder.as_dataset(
            split=split,
            shuffle_files=False,
            decoders={key: tfds.decode.SkipDecoding() for key in encoded},
        )
    except ValueError as error:
        raise UsageError(f"Split {split!r} of {builder.info.full_name}: {error}") from error
    for example in dataset.as_numpy_iterator():
        stored = features.serialize_example(
            {
                key: io.BytesIO(value) if key in encoded and isinstance(value, bytes) else value
                for key, value in example.items()
            }
        )
        # TFDS writes features in random order; here, the same example must have the same bytes.
        yield tf.train.Example.FromString(stored).SerializeToString(deterministic=True)


def write_records(examples: Iterable[bytes], path: str, compression: str = "GZIP") -> int:
    """Writes a TFRecord file under a temporary name, renames it, and returns the number of records."""
    aside, count = str(aside_of(path)), 0
    tf.io.gfile.makedirs(os.path.dirname(path))
    try:
        with tf.io.TFRecordWriter(aside, options=compression) as writer:
            for example in examples:
                writer.write(example)
                count += 1
        tf.io.gfile.rename(aside, path, overwrite=True)
    finally:
        if tf.io.gfile.exists(aside):
            tf.io.gfile.remove(aside)
    return count


def explain(error: Exception, records: Records | None = None) -> PerceiverError | None:
    """A readable form of an error from a tf.data iterator; None if it is not about the data.

    For a flipped or missing byte, tf.data raises `tf.errors.DataLossError`, which does not name the file. With
    `records`, all files are read to find the corrupt one.
    """
    if isinstance(error, PerceiverError):
        return error
    if isinstance(error, tf.errors.DataLossError):
        for shard in records.shards if records else ():
            try:
                for _ in read_serialized(shard, records.compression):
                    pass
            except PerceiverError as found:
                return found
        return PerceiverError(f"A data file is corrupt: {first_line(error)}")
    if isinstance(error, tf.errors.NotFoundError) and "No such file" in error.message:
        return PerceiverError(f"A data file is missing: {first_line(error)}")
    if isinstance(error, tf.errors.InvalidArgumentError) and any(
        word in error.message for word in _UNREADABLE
    ):
        return PerceiverError(
            f"An example cannot be read: {first_line(error)}. Corrupt examples can be skipped "
            "with a count: set data.max_corrupt_share and run the pipeline."
        )
    return None


def _has(builder: Any) -> str:
    counts = (f"{info.num_examples:,} in {name}" for name, info in builder.info.splits.items())
    return f"It has {', '.join(counts) or 'none'}."


def _file_format(builder: Any) -> str:
    return getattr(builder.info.file_format, "value", "unknown")


def _instructions(builder: Any, split: str) -> list[Any]:
    try:
        return list(builder.info.splits[split].file_instructions)
    except (KeyError, ValueError, AssertionError) as error:
        known = sorted(builder.info.splits)
        if not known:
            return []
        name = split.split("[")[0].split("+")[0].strip()
        hint = nearest(name, known) if name not in known else f" {error}"
        raise UsageError(
            f"{builder.info.full_name} has no split {split!r}.{hint} It has {', '.join(known)}."
        ) from error


def _count(path: str, compression: str) -> int:
    dataset = tf.data.TFRecordDataset(path, compression_type=compression)
    try:
        return int(dataset.reduce(np.int64(0), lambda count, _: count + 1))
    except tf.errors.DataLossError as error:
        raise PerceiverError(_corrupt(path, None, error)) from error


def _corrupt(path: str, number: int | None, error: Exception) -> str:
    at = "" if number is None else f" at record {number}"
    return (
        f"{path} is corrupt{at}: {first_line(error)}. "
        "Restore the file from its source, or remove its folder and prepare the data set again."
    )
