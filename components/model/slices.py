"""Cuts the test split into slices for TFMA: by label, and by what is measured of each example.

TFMA slices by stored features only, and finds none that has to be computed from a picture or a text. This extractor
takes the place of its `SliceKeyExtractor` and describes each example as the statistics do.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma

from perceiver_keras.components.model.jackknife import group_of, grouped
from perceiver_keras.data.described.buckets import parse_slices
from perceiver_keras.data.described.example import describe

STAGE = tfma.extractors.SLICE_KEY_EXTRACTOR_STAGE_NAME
SUPPORTING = ("mask",)  # kinds that others are measured with


@dataclass(frozen=True, kw_only=True)
class Slicing:
    """How examples are cut.

    Attributes:
      slices: As in `evaluate.slices`.
      kinds: What each stored feature is, as in `Examples.kinds`.
      names: Of the classes, or None.
      parts: Of the tags or columns of features, as in `Examples.names`.
    """

    slices: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] | None = None
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def to_json(self) -> str:
        """With sorted keys; without `parts` where there are none, as before there were any."""
        found = asdict(self)
        if not found["parts"]:
            del found["parts"]
        return json.dumps(found, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Slicing:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))


def extractors(
    models: Any, config: tfma.EvalConfig, slicing: Slicing
) -> list[tfma.extractors.Extractor]:
    """TFMA's extractors for these models, the last of which is ours."""
    theirs = tfma.default_extractors(eval_shared_model=models, eval_config=config)
    ours = tfma.extractors.Extractor(
        stage_name=STAGE, ptransform=beam.ParDo(_SliceKeys(slicing.to_json()))
    )
    return [one for one in theirs if one.stage_name != STAGE] + [ours]


class Cutter:
    """Serialized tf.Examples to the slices that they belong to. Only features that a slice needs are decoded."""

    def __init__(self, slicing: Slicing) -> None:
        self._cuts = parse_slices(slicing.slices, slicing.kinds)
        needed = {
            cut.key if cut.key in slicing.kinds else cut.key.rpartition("/")[0]
            for cut in self._cuts
        }
        self._kinds = {
            name: kind
            for name, kind in slicing.kinds.items()
            if name in needed or (self._cuts and kind in SUPPORTING)
        }
        self._names, self._parts = slicing.names, slicing.parts

    def __call__(self, record: bytes) -> list[tuple[str, str]]:
        """[("label", "7"), ("text/words", "10..100")]; a slice with several labels is there for each."""
        if not self._cuts:
            return []
        stored = tf.train.Example.FromString(record).features.feature
        features = {name: _values(stored[name]) for name in self._kinds if name in stored}
        described = describe(features, self._kinds, self._names, self._parts)
        return [(cut.key, value) for cut in self._cuts for value in cut.values(described)]


def _values(feature: tf.train.Feature) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


class _SliceKeys(beam.DoFn):
    """Adds the slice keys, one with all examples among them, each in the example's group of the jackknife."""

    def __init__(self, slicing: str) -> None:
        self._slicing = slicing

    def setup(self) -> None:
        self._cut = Cutter(Slicing.from_json(self._slicing))

    def process(self, extracts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        record = np.asarray(extracts[tfma.INPUT_KEY], object).item()
        group = group_of(record)
        keys = [(), *((slice_key,) for slice_key in self._cut(record))]
        array = np.empty(len(keys), object)
        for place, key in enumerate(keys):  # all at once, NumPy would make an axis of the tuples
            array[place] = grouped(key, group)
        found = copy.copy(extracts)
        found[tfma.SLICE_KEY_TYPES_KEY] = array
        yield found
