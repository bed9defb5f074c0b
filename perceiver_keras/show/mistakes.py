"""What a classifier does to each class: how often it is right, what it says instead, and which examples it gets wrong.

Batches are added one by one, and memory does not grow with the number of examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perceiver_keras.show import style

MOST_SHOWN = 1200  # wrong examples in one report, shared among the classes
MOST_OF_A_CLASS = 12
MOST_LETTERS = 280  # of a text
CELLS = 20  # up to as many classes, every pair of classes is kept, for a table of them
MOST_PAIRS = 20  # of more classes
THRESHOLD = 0.5  # from which on a class is predicted, where an example may have several


class Mistakes:
    """Adds up the answers about examples of `names`' classes.

    Args:
      names: Of the K classes.
    """

    def __init__(self, names: Sequence[str]):
        self.names = [str(name) for name in names]
        classes = len(self.names)
        self.examples = self.wrong = 0
        self.several = False  # classes per example
        self.pairs: Counter[tuple[int, int]] = Counter()  # (true, given), of wrong answers
        self.support, self.given, self.right = np.zeros([3, classes], np.int64)
        self._most = min(max(MOST_SHOWN // classes, 1), MOST_OF_A_CLASS)
        self._kept: dict[int, list[dict[str, Any]]] = {}

    def add(
        self,
        truth: np.ndarray,
        probabilities: np.ndarray,
        example: Callable[[int], np.ndarray | str],
    ) -> None:
        """Adds a batch.

        Args:
          truth: Classes, integers [B], or bool [B, K] where an example may have several.
          probabilities: [B, K].
          example: Row -> a picture [H, W, C] or a text; only called for rows that may be shown.
        """
        truth, probabilities = np.asarray(truth), np.asarray(probabilities)
        self.examples += len(truth)
        if truth.ndim == 2:
            self._add_several(truth > 0, probabilities, example)
            return
        classes, given = len(self.names), probabilities.argmax(-1)
        self.support += np.bincount(truth, minlength=classes)
        self.given += np.bincount(given, minlength=classes)
        self.right += np.bincount(truth[given == truth], minlength=classes)
        for row in np.flatnonzero(given != truth):
            self.wrong += 1
            pair = int(truth[row]), int(given[row])
            self.pairs[pair] += 1
            self._keep(pair[0], *pair, float(probabilities[row, given[row]]), row, example)

    def _add_several(self, truth: np.ndarray, probabilities: np.ndarray, example: Any) -> None:
        self.several = True
        given = probabilities >= THRESHOLD
        self.support += truth.sum(0)
        self.given += given.sum(0)
        self.right += (truth & given).sum(0)
        self.wrong += int((truth != given).any(-1).sum())
        for row, kind in zip(*np.nonzero(truth != given), strict=True):
            pair = (int(kind), None) if truth[row, kind] else (None, int(kind))
            self._keep(int(kind), *pair, float(probabilities[row, kind]), row, example)

    def _keep(
        self, kind: int, true: int | None, given: int | None, score: float, row: int, example: Any
    ) -> None:
        """Of each class the worst mistake with each other class, then the next worst of each."""
        new = {"class": kind, "true": true, "given": given, "probability": round(score, 4)}
        seen: Counter[Any] = Counter()
        ranked = []
        for one in sorted([*self._kept.get(kind, []), new], key=_badness, reverse=True):
            ranked.append((seen[one["given"]], -_badness(one), one))
            seen[one["given"]] += 1
        kept = [one for *_, one in sorted(ranked, key=lambda entry: entry[:2])[: self._most]]
        if any(one is new for one in kept):
            shown = example(int(row))
            if isinstance(shown, str):
                new["text"] = shown if len(shown) <= MOST_LETTERS else f"{shown[:MOST_LETTERS]}…"
            else:
                new["picture"] = style.thumbnail(shown)
            self._kept[kind] = kept

    def summary(self) -> dict[str, Any]:
        """Plain JSON, which `show/classes.py` makes tables of.

        Keys: `examples` and `wrong` (how many), `several` (whether an example may have several classes), `names`; for
        each class `support` (examples that have it), `given` (answers that name it) and `right` (both); `pairs`, the
        most frequent [true, given, count] of wrong answers; `mistakes`, wrong examples {"class", "true", "given",
        "probability", and "text" or "picture", the address of a small one} by class. If an example may have several
        classes, there are no pairs, and `true` (`given`) is null where the class was not there (not named).
        """
        most = None if len(self.names) <= CELLS else MOST_PAIRS
        return {
            "examples": self.examples,
            "wrong": self.wrong,
            "several": self.several,
            "names": self.names,
            "support": self.support.tolist(),
            "given": self.given.tolist(),
            "right": self.right.tolist(),
            "pairs": [[*pair, count] for pair, count in self.pairs.most_common(most)],
            "mistakes": [one for true in sorted(self._kept) for one in self._kept[true]],
        }


def _badness(mistake: dict[str, Any]) -> float:
    """How sure the model was of what is wrong; of a class that it missed, that it is not there."""
    missed = mistake["given"] is None
    return 1 - mistake["probability"] if missed else mistake["probability"]
