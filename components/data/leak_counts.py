"""Counts leaks in a Beam pipeline. Without TFX, which Beam's workers would take half a minute to import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from perceiver_keras.components.data import fingerprint_rows
from perceiver_keras.components.data.leak_pairs import (
    EXACT,
    KEPT,
    NEAR,
    Copy,
    ExactCopies,
    Member,
    NearCopies,
    Nearest,
    Place,
)

MOST_SHOWN = 50  # pairs of examples in the file


def detect(
    pipeline: beam.Pipeline, uri: str, order: Sequence[str], limit: float, path: str
) -> None:
    """Adds to a pipeline what writes leaks.json.

    Args:
      pipeline: Is run by the caller.
      uri: The folder of the fingerprints.
      order: The names of the splits.
      limit: Is put into the file.
      path: Of the file, whose content is what `PerceiverLeaks` says.
    """
    files = [file for file in fingerprint_rows.files_of(uri) if file[0] in order]
    rows = fingerprint_rows.rows(pipeline, "", files)
    sizes = rows | "Sizes" >> beam.Map(_size) | "CountSizes" >> beam.combiners.Count.PerElement()
    exact = (
        rows
        | "Digests" >> beam.FlatMap(_by_digest)
        | "GroupDigests" >> beam.GroupByKey()
        | "ExactCopies" >> beam.ParDo(ExactCopies())
    )
    near = (
        rows
        | "Keys" >> beam.FlatMap(_by_key)
        | "GroupKeys" >> beam.GroupByKey()
        | "NearCopies" >> beam.ParDo(NearCopies()).with_outputs(NearCopies.DRAWN, main="copies")
    )
    copies = (
        (exact, near.copies)
        | "AllCopies" >> beam.Flatten()
        | "ByExample" >> beam.CombinePerKey(Nearest())
    )
    counts = (
        copies | "Kinds" >> beam.Map(_kind_of) | "CountKinds" >> beam.combiners.Count.PerElement()
    )
    shown = (
        copies
        | "ByPair" >> beam.Map(_by_pair)
        | "First" >> beam.combiners.Top.PerKey(MOST_SHOWN, key=_first, reverse=True)
    )
    drawn = near[NearCopies.DRAWN] | "Left" >> beam.CombineGlobally(_Left())
    _ = (
        pipeline
        | "Once" >> beam.Create([None])
        | "Summary"
        >> beam.Map(
            _summary,
            order=list(order),
            limit=limit,
            sizes=beam.pvalue.AsDict(sizes),
            counts=beam.pvalue.AsDict(counts),
            shown=beam.pvalue.AsDict(shown),
            drawn=beam.pvalue.AsSingleton(drawn),
        )
        | "Write" >> beam.ParDo(fingerprint_rows.WriteJson(path))
    )


def _size(row: tuple[str, Any]) -> tuple[str, bool]:
    """(split, whether the example is plain)."""
    return row[0], not row[1].fingerprint.exact


def _by_digest(row: tuple[str, Any]) -> Iterator[tuple[bytes, Member]]:
    split, (index, found) = row
    if found.exact:
        yield found.exact, Member(split, index, found.label, found.exact)


def _by_key(row: tuple[str, Any]) -> Iterator[tuple[bytes, Member]]:
    split, (index, found) = row
    for key in sorted(set(found.keys) - {found.exact}):
        yield key, Member(split, index, found.label, found.exact, found.print)


def _kind_of(found: tuple[Place, Copy]) -> tuple[str, str, int, bool]:
    (split, other, _), copy = found
    return split, other, copy.how, copy.relabelled


def _by_pair(found: tuple[Place, Copy]) -> tuple[tuple[str, str], tuple[int, Copy]]:
    (split, other, index), copy = found
    return (split, other), (index, copy)


def _first(found: tuple[int, Copy]) -> tuple[int, int, int]:
    index, copy = found
    return copy.how, index, copy.index


class _Left(beam.CombineFn):
    """How many keys were drawn from, and how many examples were left out."""

    def create_accumulator(self) -> tuple[int, int]:
        return 0, 0

    def add_input(self, total: tuple[int, int], left: int) -> tuple[int, int]:
        return total[0] + 1, total[1] + left

    def merge_accumulators(self, parts: Iterable[tuple[int, int]]) -> tuple[int, int]:
        keys, left = zip(*parts, strict=True)
        return sum(keys), sum(left)

    def extract_output(self, total: tuple[int, int]) -> tuple[int, int]:
        return total


def _summary(
    _: None,
    order: list[str],
    limit: float,
    sizes: dict[tuple[str, bool], int],
    counts: dict[tuple[str, str, int, bool], int],
    shown: dict[tuple[str, str], list[tuple[int, Copy]]],
    drawn: tuple[int, int],
) -> dict[str, Any]:
    total = {split: sizes.get((split, True), 0) + sizes.get((split, False), 0) for split in order}
    pairs, examples = [], []
    for number, a in enumerate(order):
        for b in order[number + 1 :]:
            small, large = (b, a) if total[b] < total[a] else (a, b)
            found = {
                how: [counts.get((small, large, how, r), 0) for r in (False, True)]
                for how in (EXACT, NEAR)
            }
            exact, near = (sum(found[how]) for how in (EXACT, NEAR))
            pairs.append(
                {
                    "splits": [a, b],
                    "exact": exact,
                    "near": near,
                    "share": (exact + near) / total[small] if total[small] else 0.0,
                    "other_label": found[EXACT][1] + found[NEAR][1],
                }
            )
            examples.append([_shown(a, b, small, *one) for one in shown.get((small, large), ())])
    within = {
        split: sum(n for (a, b, _, _), n in counts.items() if a == b == split) for split in order
    }
    return {
        "splits": total,
        "pairs": pairs,
        "within": within,
        "plain": {split: sizes.get((split, True), 0) for split in order},
        "examples": _in_turn(examples)[:MOST_SHOWN],
        "limit": limit,
        "sampled": {"keys": drawn[0], "left_out": drawn[1], "kept": KEPT},
    }


def _shown(a: str, b: str, small: str, index: int, copy: Copy) -> dict[str, Any]:
    indices, labels = [index, copy.index], [copy.own_label, copy.label]
    if small == b:
        indices, labels = indices[::-1], labels[::-1]
    return {
        "splits": [a, b],
        "indices": indices,
        "how": "exact" if copy.how == EXACT else "near",
        "labels": [fingerprint_rows.text_of(label) for label in labels],
    }


def _in_turn(lists: list[list[Any]]) -> list[Any]:
    """The first of each, then the second of each, and so on."""
    longest = max(map(len, lists), default=0)
    return [one[place] for place in range(longest) for one in lists if place < len(one)]
