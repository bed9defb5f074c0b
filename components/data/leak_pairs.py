"""Which examples have a copy, in Beam: exact ones by their digest, near ones by their keys, and then verified.

An example is counted once per pair of splits, however many copies it has there; so all that is known of its copies is
merged by example. Nothing depends on the order in which Beam delivers.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np

KEPT = 128  # examples per split and key that are compared; of more, these are drawn
EXACT, NEAR = 0, 1


class Member(NamedTuple):
    """An example among those that share a key."""

    split: str
    index: int
    label: bytes
    exact: bytes
    print: bytes = b""


class Copy(NamedTuple):
    """The nearest copy of an example: the least of these, so that it is the same in every run.

    Attributes:
      how: EXACT or NEAR.
      relabelled: Whether the copy has another label.
      index: Of the copy, in its split.
      own_label, label: Of the example, and of the copy.
    """

    how: int
    relabelled: bool
    index: int
    own_label: bytes
    label: bytes


# An example of the first split that has a copy in the second: (split, other split, index in the first). If both are the
# same split, its copy comes before it.
Place = tuple[str, str, int]


class ExactCopies(beam.DoFn):
    """(digest, the examples that have it) -> (Place, Copy); two passes over them, none over their pairs."""

    def process(self, group: tuple[bytes, Iterable[Member]]) -> Iterator[tuple[Place, Copy]]:
        members = sorted(group[1])
        # The first of each split, and the first with each label there: whatever a label is, a copy with it is known.
        first: dict[str, Member] = {}
        labelled: dict[tuple[str, bytes], Member] = {}
        for member in members:
            first.setdefault(member.split, member)
            labelled.setdefault((member.split, member.label), member)
        for member in members:
            for split, earliest in first.items():
                found = labelled.get((split, member.label), earliest)
                if split == member.split:
                    if member is earliest:
                        continue
                    found = earliest if found is member else found
                yield _copy(member, found, EXACT)


class NearCopies(beam.DoFn):
    """(key, the examples that share it) -> (Place, Copy) of those that are nearly the same.

    Tags:
      drawn: of a key with more than `KEPT` examples of a split, how many were not compared.
    """

    DRAWN = "drawn"

    def start_bundle(self) -> None:
        self._seen: set[bytes] = set()

    def process(self, group: tuple[bytes, Iterable[Member]]) -> Iterator[Any]:
        from perceiver_keras.data.alike.example import alike_pairs

        key, members = group
        kept, left = draw(key, members)
        if left:
            yield beam.pvalue.TaggedOutput(self.DRAWN, left)
        # Examples that share one key mostly share several; their pairs are told once per bundle.
        who = _digest(repr([(m.split, m.index) for m in kept]).encode())
        if len(kept) < 2 or who in self._seen:
            return
        self._seen.add(who)
        prints = [member.print for member in kept]
        for i, j in zip(*np.nonzero(np.triu(alike_pairs(prints, prints), 1)), strict=True):
            a, b = kept[i], kept[j]
            if a.exact == b.exact:
                continue
            if a.split != b.split:
                yield _copy(a, b, NEAR)
                yield _copy(b, a, NEAR)
            else:
                yield _copy(max(a, b), min(a, b), NEAR)


def draw(key: bytes, members: Iterable[Member]) -> tuple[list[Member], int]:
    """(at most `KEPT` of each split, the same ones in every run but others for each key; how many were left out)."""
    splits: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        splits[member.split].append(member)

    def place(member: Member) -> bytes:
        return _digest(key + f"{member.split}/{member.index}".encode())

    kept = [m for found in splits.values() for m in heapq.nsmallest(KEPT, found, key=place)]
    return sorted(kept), sum(map(len, splits.values())) - len(kept)


class Nearest(beam.CombineFn):
    """Merges the copies of an example: the least of all."""

    def create_accumulator(self) -> Copy | None:
        return None

    def add_input(self, best: Copy | None, found: Copy) -> Copy:
        return found if best is None else min(best, found)

    def merge_accumulators(self, parts: Iterable[Copy | None]) -> Copy | None:
        return min((part for part in parts if part is not None), default=None)

    def extract_output(self, best: Copy | None) -> Copy | None:
        return best


def _copy(example: Member, other: Member, how: int) -> tuple[Place, Copy]:
    relabelled = example.label != other.label
    return (
        (example.split, other.split, example.index),
        Copy(how, relabelled, other.index, example.label, other.label),
    )


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()
