"""What counting alone can do: each masked token is guessed from the longest context around it that was seen before.

A reference for masked language models: there is no smoothing, only counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# (tokens before, tokens after), most informative first; the last needs no context and always answers.
CONTEXTS = (
    *((4, 3), (3, 4), (3, 3), (4, 2), (2, 4), (3, 2), (2, 3), (4, 1), (1, 4), (2, 2)),
    *((4, 0), (0, 4), (3, 1), (1, 3), (2, 1), (1, 2), (3, 0), (0, 3), (1, 1), (2, 0), (0, 2)),
    *((1, 0), (0, 1), (0, 0)),
)
_EDGE = 4  # no context is wider
_KEY_BITS = 64  # a context and its token are one number


def ngram_guesses(
    seen: Sequence[np.ndarray], texts: np.ndarray, hidden: np.ndarray, vocabulary: int = 256
) -> np.ndarray:
    """A guess for each hidden token, in reading order: int64 [number of hidden tokens].

    Args:
      seen: The texts to count, each whole numbers [length] below `vocabulary`.
      texts: [B, L] of the same, 0 where there is no text; hidden tokens may have any value.
      hidden: bool [B, L].
      vocabulary: How many different tokens there are. The more, the narrower the widest context: seven bytes, or five
        of 1,000 pieces.
    """
    bits = max(1, (vocabulary - 1).bit_length())
    gap = np.zeros(_EDGE, np.int32)
    counted = np.concatenate([gap, *(part for text in seen for part in (text, gap))])
    rows, columns = np.nonzero(hidden)
    columns = columns + _EDGE
    padded = np.pad(texts, ((0, 0), (_EDGE, _EDGE)))
    covered = np.pad(hidden, ((0, 0), (_EDGE, _EDGE)))
    guesses = np.zeros(len(rows), np.int64)
    waiting = np.arange(len(rows))
    middle = np.arange(_EDGE, len(counted) - _EDGE)
    for before, after in CONTEXTS:
        if not len(waiting):
            break
        if bits * (before + 1 + after) > _KEY_BITS:
            continue
        offsets = [*range(-before, 0), *range(1, after + 1)]
        contexts, best = _table(counted, middle, offsets, bits)
        r, c = rows[waiting], columns[waiting]
        clear = ~np.any([covered[r, c + o] for o in offsets] or [np.zeros(len(r), bool)], axis=0)
        asked = _packed(offsets, lambda o, r=r, c=c: padded[r, c + o], len(r), bits)
        place = np.minimum(np.searchsorted(contexts, asked), len(contexts) - 1)
        known = clear & (contexts[place] == asked)
        guesses[waiting[known]] = best[place[known]]
        waiting = waiting[~known]
    return guesses


def _table(counted: np.ndarray, middle: np.ndarray, offsets: list[int], bits: int) -> tuple:
    """The contexts that occur, ascending, and the commonest token in each."""
    middle = middle[counted[middle] != 0]
    width = np.uint64(bits)
    keys = _packed(offsets, lambda o: counted[middle + o], len(middle), bits)
    tokens = counted[middle].astype(np.uint64)
    pairs, counts = np.unique((keys << width) | tokens, return_counts=True)
    order = np.lexsort((counts, pairs >> width))  # by context, commonest token last
    contexts = pairs[order] >> width
    last = np.flatnonzero(np.append(contexts[1:] != contexts[:-1], True))
    return contexts[last], (pairs[order][last] & np.uint64((1 << bits) - 1)).astype(np.int64)


def _packed(
    offsets: list[int], token_at: Callable[[int], np.ndarray], size: int, bits: int
) -> np.ndarray:
    """The tokens at the offsets as one number, uint64 [size]."""
    packed = np.zeros(size, np.uint64)
    for offset in offsets:
        packed = (packed << np.uint64(bits)) | token_at(offset).astype(np.uint64)
    return packed
