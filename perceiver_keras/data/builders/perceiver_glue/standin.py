"""Eight small tasks made from Python's documentation, one for each kind of task in GLUE, with GLUE's names and labels.

They do not replace GLUE: they show that the whole path learns, on any machine and without the network. A pair has at
most 61 bytes with its separator, so that a model of length 64 reads all of it.

No phrase is in two splits, though Python's documentation has many sentences twice, in two documents: each split leaves
out what is in an earlier one. The test split comes first, so that it is the same whatever the others leave out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

SINGLE, HALF = 60, 30  # bytes at most: of a single sentence, and of each sentence of a pair

# Training examples, as unevenly distributed as GLUE's own. Validation and test have the same number for every task.
TRAIN = {
    "cola": 2400,
    "sst2": 2400,
    "mrpc": 900,
    "stsb": 1200,
    "qqp": 1800,
    "mnli": 2000,
    "qnli": 1400,
    "rte": 700,
}
EACH = {"validation": 120, "test": 400}
ORDER = ("test", "validation", "train")  # each leaves out what the ones before it have
RUN = 20  # letters: two phrases with as many in a row in common are the same text
NEGATIONS = {"not", "no", "never", "cannot", "nothing", "none", "neither", "without"}

Words = list[str]


class Pair(NamedTuple):
    """One example; `label` is a class of the task, in GLUE's order, or a score."""

    sentence1: str
    sentence2: str
    label: float


def examples(texts: Mapping[str, Mapping[str, str]], split: str) -> Iterator[tuple[str, Pair]]:
    """(task, example), task after task, the same on every machine.

    Args:
      texts: Split -> name -> text of its documents, of all splits of `ORDER`.
      split: One of `ORDER`.
    """
    paragraphs = list(prose(texts[split]))
    taken = _taken(texts[earlier] for earlier in ORDER[: ORDER.index(split)])
    for task, make in MAKERS.items():
        # Only random() is the same in all versions of Python; the other methods have changed.
        dice = random.Random(f"{split} {task}").random
        order = sorted(paragraphs, key=lambda _: dice())
        size = SINGLE if task in ("cola", "sst2") else HALF
        cut = (piece for words in order for piece in phrases(words, size))
        pieces = (piece for piece in cut if taken.isdisjoint(runs(piece)))
        for pair in islice(make(pieces, dice), EACH.get(split, TRAIN[task])):
            yield task, pair


def _taken(splits: Iterable[Mapping[str, str]]) -> set[str]:
    """The runs of every phrase of these splits, used or not, of either size."""
    found: set[str] = set()
    for texts in splits:
        for words in prose(texts):
            for size in (SINGLE, HALF):
                found.update(*map(runs, phrases(words, size)))
    return found


def runs(words: Words) -> set[str]:
    """All runs of `RUN` letters and digits of a phrase, in lower case; a shorter phrase is one run."""
    text = "".join(c for c in "".join(words).lower() if c.isalnum())
    return {text[start : start + RUN] for start in range(max(1, len(text) - RUN + 1))}


def prose(texts: Mapping[str, str]) -> Iterator[Words]:
    """The ASCII words of each paragraph that is mostly words, in the order of the documents."""
    for text in texts.values():
        for paragraph in re.split(r"\n\s*\n", text):
            words = paragraph.split()
            plain = [word for word in words if word.strip(".,;:()\"'").isalpha()]
            if len(words) >= 8 and len(plain) > 0.85 * len(words):
                yield [word for word in words if word.isascii()]


def phrases(words: Words, most: int) -> Iterator[Words]:
    """A paragraph cut into runs of at least four whole words and at most `most` bytes."""
    run: Words = []
    size = 0  # with a space after each word
    for word in words:
        if size + len(word) > most:
            if len(run) >= 4:
                yield run
            run, size = [], 0
        if len(word) <= most // 2:
            run.append(word)
            size += len(word) + 1
    if len(run) >= 4:
        yield run


# === The eight kinds: from phrases and random numbers in [0, 1) to examples ===

Pieces = Iterator[Words]
Dice = Callable[[], float]


def acceptability(pieces: Pieces, dice: Dice) -> Iterator[Pair]:
    """CoLA. A phrase as written (1), or with its words in another order (0)."""
    for number, words in enumerate(pieces):
        if number % 2:
            yield Pair(" ".join(words), "", 1)
        elif (other := _shuffled(words, dice)) != words:
            yield Pair(" ".join(other), "", 0)


def negation(pieces: Pieces, dice: Dice) -> Iterator[Pair]:
    """SST-2. The sentence has a negation (0) or not (1), half and half."""
    waiting: list[Words] = []
    for words in pieces:
        if {word.strip(".,;:()\"'").lower() for word in words} & NEGATIONS:
            if waiting:
                yield Pair(" ".join(waiting.pop()), "", 1)
                yield Pair(" ".join(words), "", 0)
        else:
            waiting = [words]


def paraphrase(pieces: Pieces, dice: Dice) -> Iterator[Pair]:
    """MRPC. The second has the same words except one (1, two thirds), or is another phrase (0)."""
    for words, other in zip(pieces, pieces, strict=False):
        if dice() < 0.67:
            other = list(words)
            del other[int(dice() * len(words))]
            yield Pair(" ".join(words), " ".join(other), 1)
        else:
            yield Pair(" ".join(words), " ".join(other), 0)


def similarity(pieces: Pieces, dice: Dice) -> Iterator[Pair]:
    """STS-B. The share of the first's words that the second has in the same places, as 0 to 5."""
    for words, other in zip(pieces, pieces, strict=False):
        kept = int(dice() * (len(words) + 1))
        second = _clipped([*words[:kept], *other[kept:]])
        share = sum(a == b for a, b in zip(words, second, strict=False)) / len(words)
        yield Pair(" ".join(words), " ".join(second), round(5 * share, 1))


def duplicates(pieces: Pieces, dice: Dice) -> Iterator[Pair]:
    """QQP. The second has the same words in another order (1, 37 %), or is another phrase (0)."""
    for words, other in zip(pieces, pieces, strict=False):
        same = dice() < 0.37
        second = _shuffled(words, dice) if same else other
        yield Pair(" ".join(words), " ".join(second), int(same))


def inference(pieces: Pieces, dice: Dice) -> Iterator[Pair]:
    """MNLI. The second is a part of the first (0), from elsewhere (1), or a part with "not" in it (2)."""
    for words, other in zip(pieces, pieces, strict=False):
        label = int(dice() * 3)
        source = other if label == 1 else words
        start = int(dice() * (len(source) - 2))
        part = source[start : start + 3]
        if label == 2:
            part = [part[0], "not", *part[1:]]
        yield Pair(" ".join(words), " ".join(_clipped(part)), label)


def question(pieces: Pieces, dice: Dice) -> Iterator[Pair]:
    """QNLI. The sentence contains the word in question (0), or it does not (1)."""
    for words, other in zip(pieces, pieces, strict=False):
        label = int(dice() * 2)
        source = other if label else words
        asked = max(source, key=len).strip(".,;:()\"'")
        if label and asked in words:
            continue
        yield Pair(f"where is {asked}?", " ".join(words), label)


def continuation(pieces: Pieces, dice: Dice) -> Iterator[Pair]:
    """RTE. The first is cut within a word; the second is its rest (0), or the rest of another phrase (1)."""
    for words, other in zip(pieces, pieces, strict=False):
        first, second = _cut(words)
        label = int(dice() * 2)
        yield Pair(first, _cut(other)[1] if label else second, label)


MAKERS: dict[str, Callable[[Pieces, Dice], Iterator[Pair]]] = {
    "cola": acceptability,
    "sst2": negation,
    "mrpc": paraphrase,
    "stsb": similarity,
    "qqp": duplicates,
    "mnli": inference,
    "qnli": question,
    "rte": continuation,
}


def _shuffled(words: Words, dice: Dice) -> Words:
    return sorted(words, key=lambda _: dice())


def _clipped(words: Words) -> Words:
    """As many of the words as fit into half a pair."""
    while len(" ".join(words)) > HALF:
        words = words[:-1]
    return words


def _cut(words: Words) -> tuple[str, str]:
    """A phrase cut in the middle of its longest word, the first and the last word excepted."""
    place = max(range(1, len(words) - 1), key=lambda i: len(words[i]))
    middle = len(words[place]) // 2
    first = " ".join([*words[:place], words[place][:middle]])
    return first, " ".join([words[place][middle:], *words[place + 1 :]])
