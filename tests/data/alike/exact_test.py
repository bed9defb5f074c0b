"""Entities and names are the same or not."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.alike import exact
from perceiver_keras.data.alike.part import PLAIN
from perceiver_keras.data.described.decode import Decoded, decoded


def entities(values) -> exact.Part:
    return exact.ENTITIES.part(Decoded("entities", np.asarray(values, np.float32)))


def test_entities_are_the_same_after_rounding():
    values = np.random.default_rng(0).uniform(-3, 3, 90).astype(np.float32)
    values = np.round(values, 2)
    assert entities(values + 1e-6) == entities(values)
    assert entities(values + np.eye(1, 90)[0] / 100) != entities(values)
    assert entities([0.0, 1.0]) == entities([-0.0, 1.0])


def test_no_entities_are_plain():
    assert entities(np.zeros(20)).state == PLAIN
    assert entities(np.eye(1, 20)[0]).state != PLAIN


def test_what_cannot_be_decoded_is_the_same_if_its_bytes_are():
    broken = [decoded("picture", [content]) for content in (b"no picture", b"none", b"no picture")]
    parts = [exact.stored(one) for one in broken]
    assert parts[0] == parts[2] != parts[1]
    assert exact.stored(decoded("picture", [b"ab", b"c"])) != exact.stored(
        decoded("picture", [b"a", b"bc"])
    )
