"""Features that are the same or not, with nothing between: entities, and names."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.alike.part import PLAIN, Part, Sketch
from perceiver_keras.data.described.decode import Decoded

_DECIMALS = 4  # of an entity's numbers: what float32 arithmetic on another machine leaves unchanged


def _entities(found: Decoded) -> Part:
    numbers = np.round(np.asarray(found.value, np.float64), _DECIMALS) + 0.0  # no negative zero
    content = numbers.astype("<f4").tobytes()
    return Part(content) if numbers.size and np.ptp(numbers) else Part(content, PLAIN)


def _name(found: Decoded) -> Part:
    return Part(found.value)


def stored(found: Decoded) -> Part:
    """Of what can't be decoded: its bytes as they are."""
    values = [v if isinstance(v, bytes) else str(v).encode() for v in found.value]
    return Part(b"".join(len(v).to_bytes(8, "little") + v for v in values))


ENTITIES = Sketch(_entities)
CATEGORY = Sketch(_name)
