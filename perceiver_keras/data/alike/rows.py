"""Fingerprints as stored rows: serialized tf.train.Examples."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from perceiver_keras.data.alike.example import Fingerprint

INDEX = "perceiver/index"


class Row(NamedTuple):
    """An example's place in its split, from 0, and its fingerprint."""

    index: int
    fingerprint: Fingerprint


def to_row(index: int, fingerprint: Fingerprint) -> bytes:
    """The serialized tf.train.Example of one example's fingerprint."""
    made = tf.train.Example()
    features = made.features.feature
    features[INDEX].int64_list.value.append(index)
    features["label"].bytes_list.value.append(fingerprint.label)
    features["exact"].bytes_list.value.append(fingerprint.exact)
    features["keys"].bytes_list.value.extend(fingerprint.keys)
    features["print"].bytes_list.value.append(fingerprint.print)
    return made.SerializeToString(deterministic=True)


def from_row(serialized: bytes) -> Row:
    """What `to_row` was given."""
    features = tf.train.Example.FromString(serialized).features.feature
    label, exact, printed = (
        features[name].bytes_list.value[0] for name in ("label", "exact", "print")
    )
    keys = tuple(features["keys"].bytes_list.value)
    return Row(features[INDEX].int64_list.value[0], Fingerprint(exact, label, keys, printed))
