"""The fingerprint of one feature, and how two of them are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perceiver_keras.data.described.decode import Decoded

ONLY_EXACT, NEAR, PLAIN = 0, 1, 2
HEAD = 9  # bytes of a print before its body: the state, and the first eight of the content's digest


@dataclass(frozen=True)
class Part:
    """What is kept of one feature.

    Attributes:
      content: What is hashed: equal if and only if the feature is the same.
      state: NEAR: its body can be compared; ONLY_EXACT: nothing but the content can; PLAIN: it holds nothing by which
        it could be told from another one, as a black picture or silence.
      keys: Two alike ones share at least one key, nearly always. None, if the state is not NEAR.
      body: What is compared, of the kind's length; empty if the state is not NEAR.
    """

    content: bytes
    state: int = ONLY_EXACT
    keys: tuple[bytes, ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Sketch:
    """How one kind of feature is fingerprinted.

    Attributes:
      part: A decoded feature -> its `Part`.
      size: The bytes of a body.
      near: (bodies uint8 [n, size], bodies uint8 [m, size]) -> bool [n, m]: which ones are nearly the same.
    """

    part: Callable[[Decoded], Part]
    size: int = 0
    near: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


def print_of(part: Part, size: int) -> bytes:
    """State, digest and body, `HEAD + size` bytes."""
    return bytes([part.state]) + digest(part.content)[:8] + part.body.ljust(size, b"\0")


def alike(a: np.ndarray, b: np.ndarray, sketch: Sketch) -> np.ndarray:
    """Which prints uint8 [n, HEAD + size] are alike to which [m, HEAD + size]: bool [n, m]."""
    same = (a[:, None, 1:HEAD] == b[None, :, 1:HEAD]).all(-1)
    same |= (a[:, None, 0] == PLAIN) & (b[None, :, 0] == PLAIN)
    if sketch.near is None:
        return same
    both = (a[:, None, 0] == NEAR) & (b[None, :, 0] == NEAR)
    return same | (both & sketch.near(a[:, HEAD:], b[:, HEAD:]))


def digest(content: bytes) -> bytes:
    """16 bytes that are equal for equal contents only, on any machine."""
    return hashlib.blake2b(content, digest_size=16).digest()
