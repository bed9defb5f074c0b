"""Stored examples at given places of a split, as what people are shown of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from perceiver_keras.data.described.decode import decode_example
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.untuned import untuned
from perceiver_keras.show import stored

SECONDS = 20.0  # for looking for examples; of a large split, those at its end may stay unseen


def examples_at(
    uri: str, split: str, places: Iterable[int], *, seconds: float = SECONDS
) -> dict[int, bytes]:
    """Serialized examples by their places in a split; those that are not there, or take too long to find, are left out.

    Args:
      uri: The folder of an Examples artifact of gzip TFRecord files.
      places: From 0, in the order of the files' names.
      seconds: After as long, what is found is enough.
    """
    wanted = set(places)
    if not wanted:
        return {}
    folder = f"{uri}/Split-{split}"
    if not tf.io.gfile.isdir(folder):
        return {}
    # Not by glob, which takes brackets in the names of folders for a pattern.
    paths = [f"{folder}/{name}" for name in sorted(tf.io.gfile.listdir(folder))]
    found: dict[int, bytes] = {}
    begun, last = time.monotonic(), max(wanted)
    stream = tf.data.TFRecordDataset(paths, compression_type="GZIP", buffer_size=1 << 20)
    for place, record in enumerate(untuned(stream).as_numpy_iterator()):
        if place in wanted:
            found[place] = record
        if place >= last or time.monotonic() - begun > seconds:
            break
    return found


def shown(
    records: Mapping[int, bytes],
    split: str,
    kinds: Mapping[str, Kind],
    names: Sequence[str] | None,
) -> dict[int, dict[str, Any]]:
    """{place: {"split", "index", "parts": of `stored.parts`}} of serialized examples."""
    return {
        place: {
            "split": split,
            "index": place,
            "parts": stored.parts(decode_example(features(record), kinds), names),
        }
        for place, record in records.items()
    }


def features(record: bytes) -> dict[str, Any]:
    """The values of a serialized tf.train.Example by the features' names."""
    example = tf.train.Example.FromString(record)
    found = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind:
            found[name] = list(getattr(feature, kind).value)
    return found
