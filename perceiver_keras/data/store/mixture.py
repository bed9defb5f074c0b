"""Several data sets as one, by weight: `c4/en@0.7+wikipedia/20230601.en@0.3` wherever a data set's name is expected."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from perceiver_keras.data.store.records import Records, builder_records, serialized_examples
from perceiver_keras.errors import UsageError


def is_mixture(dataset: str) -> bool:
    return "@" in dataset


def parse(dataset: str) -> list[tuple[str, float]]:
    """[(name, share of the examples), ...]; the shares sum to 1.

    Raises:
      UsageError: a part without a weight, or a weight that is no positive number.
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
    """Stands where a TFDS builder does, for what `data/` and TfdsExampleGen ask of one.

    A split takes from each part as many examples as its weight allows, the part that runs out first whole; they are
    then one list of shards, which training interleaves and shuffles as it does any other's. So an epoch has the
    weights exactly (but for rounding), and a part that is too large for them is cut at its end.
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
        """How many examples of each part a split has."""
        sizes = [builder.info.splits[split].num_examples for builder in self.parts]
        return shares(sizes, self.weights)

    def records(self, split: str) -> Records:
        counts = self.counts(split)
        found = [
            builder_records(builder, split).limit(count)
            for builder, count in zip(self.parts, counts, strict=True)
        ]
        return Records(sum((part.shards for part in found), ()), "", sum(counts))

    def examples(self, split: str) -> Iterator[bytes]:
        for builder, count in zip(self.parts, self.counts(split), strict=True):
            yield from itertools.islice(serialized_examples(builder, split), count)


def shares(sizes: list[int], weights: list[float]) -> list[int]:
    """How many to take of lists of these sizes so that the weights hold and as many as can be are taken."""
    total = min(size / weight for size, weight in zip(sizes, weights, strict=True))
    return [min(size, round(total * weight)) for size, weight in zip(sizes, weights, strict=True)]
