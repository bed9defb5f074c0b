"""A data set of TFDS by its name, looked at like the user's own files: its splits, classes and sizes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perceiver_keras.config import DataConfig
from perceiver_keras.data.own.splits import SPLITS, split_named
from perceiver_keras.data.store import source
from perceiver_keras.data.store.mixture import is_mixture
from perceiver_keras.errors import PerceiverError, UsageError

_SAMPLED = 200
_COUNTED = 10_000  # labels of the test split that are counted, at most


def usual_splits(known: Sequence[str]) -> dict[str, str]:
    """TFDS expressions for train, validation and test, whatever splits there are.

    A missing validation split is the last tenth of train. A missing test split is the validation split, as with
    ImageNet, whose test labels are not public, and validation is then a part of train.

    Raises:
      UsageError: nothing is there to train on.
    """
    named: dict[str, str] = {}
    for name in known:
        if (split := split_named(name)) and split not in named:
            named[split] = name
    if "train" not in named:
        raise UsageError(f"has no split to train on; it has {', '.join(known)}.")
    train = named["train"]
    if "test" in named and "validation" in named:
        return {split: named[split] for split in SPLITS}
    if "test" in named or "validation" in named:
        test = named.get("test") or named["validation"]
        return {"train": f"{train}[:90%]", "validation": f"{train}[90%:]", "test": test}
    return {"train": f"{train}[:75%]", "validation": f"{train}[75%:85%]", "test": f"{train}[85%:]"}


def split_settings(splits: Mapping[str, str]) -> dict[str, str]:
    """The settings of `data` that name these splits."""
    return {f"{split}_split": expression for split, expression in splits.items()}


def opened(data: DataConfig) -> Any | None:
    """The builder of the TFDS data set that a configuration names, prepared if it is one of ours.

    None for mixtures, for the user's own files, which determine settings when they are read, and for a data set that
    can't be opened: that is said when it is to be read.

    Raises:
      UsageError: TFDS has no data set of that name.
    """
    if is_mixture(data.dataset) or data.dataset.startswith(source.OWN):
        return None
    share = data.max_corrupt_share
    try:
        return source.open_builder(data.dataset, data.data_dir, max_corrupt_share=share)
    except UsageError:
        raise
    except PerceiverError:
        return None


def missing_splits(data: DataConfig, builder: Any) -> dict[str, str]:
    """Settings of `data` for a data set that lacks a split which the configuration names; {} if it has all."""
    known = list(builder.info.splits)
    named = (data.train_split, data.validation_split, data.test_split)
    if not known or all(name.split("[")[0] in known for name in named):
        return {}
    return split_settings(usual_splits(known))


@dataclass(frozen=True, kw_only=True)
class Catalogued:
    """A prepared TFDS data set, with what `found.Found` has of it.

    Attributes:
      dataset: Its TFDS name.
      splits: "train", "validation", "test" -> TFDS's expression.
      sizes: The number of examples of each split.
      labels: Names of the classes, or None.
      measured: As the task measures examples.
    """

    dataset: str
    splits: Mapping[str, str]
    sizes: Mapping[str, int]
    labels: tuple[str, ...] | None
    test_counts: Counter[str]
    measured: Mapping[str, Any] = field(default_factory=dict)

    def counts(self, split: str | None = None) -> Counter[str]:
        """How many examples of the test split have each class, among the first 10,000; of other splits nothing."""
        return self.test_counts if split == "test" else Counter()

    def rows(self) -> list[tuple[str, str]]:
        """(what, text) rows of the table."""
        sizes = ", ".join(f"{self.sizes[s]:,} {s} ({self.splits[s]})" for s in SPLITS)
        rows = [("data", f"{self.dataset} (TFDS)"), ("examples", sizes)]
        if self.labels is not None:
            rows.append(("classes", f"{len(self.labels):,}"))
        return rows

    def __str__(self) -> str:
        return "\n".join(f"  {what:<12} {text}" for what, text in self.rows())


def look(
    dataset: str,
    data_dir: str | None,
    label_key: str | None,
    measure: Any = None,
    max_corrupt_share: float | None = None,
) -> Catalogued:
    """What a prepared data set holds; raises as `source.open_builder`."""
    builder = source.open_builder(dataset, data_dir, max_corrupt_share=max_corrupt_share)
    key = (str(builder.data_dir), label_key, measure)
    if key not in _seen:  # a configuration is made several times in a process, with the same answer
        _seen[key] = _look(dataset, builder, label_key, measure)
    return _seen[key]


_seen: dict[Any, Catalogued] = {}


def _look(dataset: str, builder: Any, label_key: str | None, measure: Any) -> Catalogued:
    try:
        splits = usual_splits(list(builder.info.splits))
    except UsageError as error:
        raise UsageError(f"{dataset} {error}") from None
    labels = source.label_names(builder, label_key)
    info = builder.info.splits
    counts: Counter[str] = Counter()
    if labels:
        for example in _first(builder, splits["test"], _COUNTED):
            values = example.features.feature[label_key].int64_list.value
            counts.update(labels[value] for value in values if 0 <= value < len(labels))
    sample = list(_first(builder, splits["train"], _SAMPLED)) if measure else []
    return Catalogued(
        dataset=dataset,
        splits=splits,
        sizes={split: info[expression].num_examples for split, expression in splits.items()},
        labels=tuple(labels) if labels else None,
        test_counts=counts,
        measured=measure(sample) if measure else {},
    )


def _first(builder: Any, split: str, most: int) -> Any:
    import tensorflow as tf

    stored = itertools.islice(source.serialized_examples(builder, split), most)
    return (tf.train.Example.FromString(example) for example in stored)
