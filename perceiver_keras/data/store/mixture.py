"""Several data sets as one, by weight: `c4/en@0.7+wikipedia/20230601.en@0.3` in place of a data set's name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from perceiver_keras.data.store.records import Records, builder_records, serialized_examples
from perceiver_keras.errors import UsageError


def is_mixture(dataset: str) -> bool:
    """Whether a data set's name is that of a mixture."""
    return "@" in dataset


def parse(dataset: str) -> list[tuple[str, float]]:
    """[(name, share of the examples), ...]; the shares sum to 1.

    Raises:
      UsageError: a part has no weight, or its weight is not a positive number.
    """
    parts = []
    for part in dataset.split("+"):
        name, at, weight = part.strip().rpartition("@")
        try:
            number = float(weight) if at and name else 0.0
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise UsageError(
                f"Data set {dataset!r}: write each part of a mixture as NAME@WEIGHT, "
                "e.g. c4/en@0.7+wikipedia/20230601.en@0.3."
            )
        parts.append((name, number))
    total = sum(weight for _, weight in parts)
    return [(name, weight / total) for name, weight in parts]


class Mixture:
    """Takes the place of a TFDS builder, with the attributes that `data/` and TfdsExampleGen use.

    A split takes as many examples from each part as its weight allows, and the part that runs out first as a whole.
    Together they are one list of shards, which training interleaves and shuffles like any other. So an epoch has
    exactly the given weights (except for rounding), and a part that is too large for its weight is cut at the end.
    """

    def __init__(self, dataset: str, open_one: Callable[[str], Any]):
        named = parse(dataset)
        self.parts = [open_one(name) for name, _ in named]
        self.weights = [weight for _, weight in named]
        self.name = "+".join(builder.name for builder in self.parts)
        self.data_dir = self.parts[0].data_dir
        self.info = SimpleNamespace(
            full_name=dataset, features=self.parts[0].info.features, splits={}
        )

    def counts(self, split: str) -> list[int]:
        """How many examples a split takes from each part."""
        sizes = [builder.info.splits[split].num_examples for builder in self.parts]
        return shares(sizes, self.weights)

    def records(self, split: str) -> Records:
        """The shards of all parts; raises as `builder_records` does."""
        counts = self.counts(split)
        found = [
            builder_records(builder, split).limit(count)
            for builder, count in zip(self.parts, counts, strict=True)
        ]
        return Records(sum((part.shards for part in found), ()), "", sum(counts))

    def examples(self, split: str) -> Iterator[bytes]:
        """The serialized examples of all parts, one part after another."""
        for builder, count in zip(self.parts, self.counts(split), strict=True):
            yield from itertools.islice(serialized_examples(builder, split), count)


def shares(sizes: list[int], weights: list[float]) -> list[int]:
    """How many to take from lists of these sizes: as many as possible, in proportion to the weights."""
    total = min(size / weight for size, weight in zip(sizes, weights, strict=True))
    return [min(size, round(total * weight)) for size, weight in zip(sizes, weights, strict=True)]
