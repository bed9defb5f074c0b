"""The print of one feature: state, digest and body."""

from __future__ import annotations

import hashlib

import numpy as np

from perceiver_keras.data.alike.part import (
    HEAD,
    NEAR,
    ONLY_EXACT,
    PLAIN,
    Part,
    Sketch,
    alike,
    digest,
    print_of,
)

FIRST = Sketch(lambda found: Part(b""), 1, lambda a, b: a[:, None, 0] == b[None, :, 0])


def prints(*parts: Part) -> np.ndarray:
    return np.stack([np.frombuffer(print_of(part, 1), np.uint8) for part in parts])


def test_only_bodies_are_compared_and_equal_contents_always_alike():
    found = prints(
        Part(b"a", NEAR, body=b"1"),
        Part(b"b", NEAR, body=b"1"),
        Part(b"c", NEAR, body=b"2"),
        Part(b"d", ONLY_EXACT),
        Part(b"e", ONLY_EXACT),
        Part(b"f", PLAIN),
        Part(b"g", PLAIN),
    )
    expected = np.eye(7, dtype=bool)
    for i, j in ((0, 1), (5, 6)):
        expected[i, j] = expected[j, i] = True
    np.testing.assert_array_equal(alike(found, found, FIRST), expected)
    assert not alike(found[3:4], found[4:5], Sketch(lambda found: Part(b""))).any()


def test_the_digest_is_the_same_on_every_machine():
    assert digest(b"abc") == hashlib.blake2b(b"abc", digest_size=16).digest()
    assert len(print_of(Part(b"abc"), 5)) == HEAD + 5
