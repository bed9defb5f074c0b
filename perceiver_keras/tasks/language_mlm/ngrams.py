"""What counting alone can do: each masked byte is guessed from the longest context around it that was seen before.

A reference for masked language models: there is no smoothing, only counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# (bytes before, bytes after), most informative first; the last needs no context and always answers.
CONTEXTS = (
    *((4, 3), (3, 4), (3, 3), (4, 2), (2, 4), (3, 2), (2, 3), (4, 1), (1, 4), (2, 2)),
    *((4, 0), (0, 4), (3, 1), (1, 3), (2, 1), (1, 2), (3, 0), (0, 3), (1, 1), (2, 0), (0, 2)),
    *((1, 0), (0, 1), (0, 0)),
)
_EDGE = 4  # no context is wider


def ngram_guesses(seen: Sequence[bytes], texts: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """A guess for each hidden byte, in reading order: uint8 [number of hidden bytes].

    Args:
      seen: The texts to count.
      texts: uint8 [B, L], 0 where there is no text; hidden bytes may have any value.
      hidden: bool [B, L].
    """
    counted = np.frombuffer((b"\0" * _EDGE).join([b"", *seen, b""]), np.uint8)
    rows, columns = np.nonzero(hidden)
    columns = columns + _EDGE
    padded = np.pad(texts, ((0, 0), (_EDGE, _EDGE)))
    covered = np.pad(hidden, ((0, 0), (_EDGE, _EDGE)))
    guesses = np.zeros(len(rows), np.uint8)
    waiting = np.arange(len(rows))
    middle = np.arange(_EDGE, len(counted) - _EDGE)
    for before, after in CONTEXTS:
        if not len(waiting):
            break
        offsets = [*range(-before, 0), *range(1, after + 1)]
        contexts, best = _table(counted, middle, offsets)
        r, c = rows[waiting], columns[waiting]
        clear = ~np.any([covered[r, c + o] for o in offsets] or [np.zeros(len(r), bool)], axis=0)
        asked = _packed(offsets, lambda o, r=r, c=c: padded[r, c + o], len(r))
        place = np.minimum(np.searchsorted(contexts, asked), len(contexts) - 1)
        known = clear & (contexts[place] == asked)
        guesses[waiting[known]] = best[place[known]]
        waiting = waiting[~known]
    return guesses


def _table(counted: np.ndarray, middle: np.ndarray, offsets: list[int]) -> tuple:
    """The contexts that occur, ascending, and the commonest byte in each."""
    middle = middle[counted[middle] != 0]
    keys = _packed(offsets, lambda o: counted[middle + o], len(middle))
    pairs, counts = np.unique((keys << np.uint64(8)) | counted[middle], return_counts=True)
    order = np.lexsort((counts, pairs >> np.uint64(8)))  # by context, commonest byte last
    contexts = pairs[order] >> np.uint64(8)
    last = np.flatnonzero(np.append(contexts[1:] != contexts[:-1], True))
    return contexts[last], (pairs[order][last] & np.uint64(255)).astype(np.uint8)


def _packed(offsets: list[int], byte_at, size: int) -> np.ndarray:
    """Up to seven bytes as one number, uint64 [size]."""
    packed = np.zeros(size, np.uint64)
    for offset in offsets:
        packed = (packed << np.uint64(8)) | byte_at(offset).astype(np.uint64)
    return packed
