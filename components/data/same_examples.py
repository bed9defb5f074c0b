"""Examples that two data sets share and label differently: swapped classes, shuffled labels, another order of names."""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam

from perceiver_keras.components.data import fingerprint_rows

_OLD, _NEW = 0, 1
_Labels = tuple[tuple[int, bytes, int], ...]  # (_OLD or _NEW, the label, how many examples have it)


def changed_labels(
    fingerprints_uri: str,
    accepted_fingerprints_uri: str,
    make_pipeline: Callable[[], beam.Pipeline],
) -> dict[str, Any]:
    """How many examples are the same as before, and how many of these have another label now.

    The same is what has the same content, in any split and file format. Of content that is there several times, as many
    examples are compared as both data sets have, those with equal labels first. Examples that hold nothing to tell them
    by, such as black pictures, are left out.

    Args:
      fingerprints_uri: The folder of Describe's fingerprints of the new data.
      accepted_fingerprints_uri: The folder of those of the accepted data.
      make_pipeline: Makes the Beam pipeline, as an executor's `_make_beam_pipeline`.

    Returns:
      {"same": n, "changed": n, "pairs": [[old label, new label, n], …]}, the largest n first.
    """
    import tensorflow as tf

    # Next to the artifact, where all workers can write; gone afterwards.
    path = os.path.join(os.path.dirname(fingerprints_uri.rstrip("/")), f"{uuid.uuid4().hex}.json")
    try:
        with make_pipeline() as pipeline:
            found = [
                fingerprint_rows.rows(pipeline, name, fingerprint_rows.files_of(uri))
                | f"{name}Labels" >> beam.FlatMap(_labels, side=side)
                for side, (name, uri) in enumerate(
                    (("Old", accepted_fingerprints_uri), ("New", fingerprints_uri))
                )
            ]
            _ = (
                found
                | "Both" >> beam.Flatten()
                | "ByDigest" >> beam.CombinePerKey(_Count())
                | "Compare" >> beam.FlatMap(compare)
                | "Sum" >> beam.CombinePerKey(sum)
                | "All" >> beam.combiners.ToList()
                | "Write" >> beam.ParDo(fingerprint_rows.WriteJson(path))
            )
        with tf.io.gfile.GFile(path) as file:
            counts = json.loads(file.read())
    finally:
        if tf.io.gfile.exists(path):
            tf.io.gfile.remove(path)
    pairs = sorted(([old, new, n] for (old, new), n in counts), key=lambda p: (-p[2], p[:2]))
    changed = [pair for pair in pairs if pair[0] != pair[1]]
    same = sum(n for _, _, n in pairs)
    return {"same": same, "changed": sum(n for _, _, n in changed), "pairs": changed}


def compare(group: tuple[bytes, _Labels]) -> Iterator[tuple[tuple[str, str], int]]:
    """The labels of one content -> ((old, new), how many examples)."""
    old, new = (
        Counter({label: n for s, label, n in group[1] if s == side}) for side in (_OLD, _NEW)
    )
    kept = old & new
    for label, n in sorted(kept.items()):
        yield (fingerprint_rows.text_of(label),) * 2, n
    before, after = sorted((old - kept).elements()), sorted((new - kept).elements())
    for pair, n in sorted(Counter(zip(before, after, strict=False)).items()):
        yield tuple(map(fingerprint_rows.text_of, pair)), n


def _labels(row: tuple[str, Any], side: int) -> Iterator[tuple[bytes, tuple[int, bytes]]]:
    found = row[1].fingerprint
    if found.exact:
        yield found.exact, (side, found.label)


class _Count(beam.CombineFn):
    """(side, label) of each example -> `_Labels`."""

    def create_accumulator(self) -> Counter:
        return Counter()

    def add_input(self, counts: Counter, found: tuple[int, bytes]) -> Counter:
        counts[found] += 1
        return counts

    def merge_accumulators(self, parts: Iterable[Counter]) -> Counter:
        total: Counter = Counter()
        for part in parts:
            total.update(part)
        return total

    def extract_output(self, counts: Counter) -> _Labels:
        return tuple((side, label, n) for (side, label), n in sorted(counts.items()))
