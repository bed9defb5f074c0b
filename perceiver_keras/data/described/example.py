"""One stored example to numbers and names, by its features' kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perceiver_keras.data.described import (
    clips,
    entities,
    flow,
    labels,
    pictures,
    sounds,
    texts,
)
from perceiver_keras.data.described.decode import Decoded, decode_example
from perceiver_keras.data.described.kinds import Kind

Value = float | int | bytes | list[bytes]
# Of these, whether a value can be decoded is always said; of others only if it can't.
_MEDIA: tuple[Kind, ...] = ("picture", "pictures", "sound", "flow", "entities")


def describe(
    features: Mapping[str, Sequence[Any] | np.ndarray],
    kinds: Mapping[str, Kind],
    names: Sequence[str] | None = None,
    parts: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Value]:
    """What is measured of one example: {"FEATURE/MEASURE": value}, as `measures.MEASURES` explains.

    A label, a number and a category are themselves, under the feature's own name. What is missing has no key, and never
    fails: what can't be decoded has `FEATURE/undecodable` 1 and nothing else.

    Args:
      features: By name, the values of a parsed `tf.train.Example`, lists or arrays of bytes, integers or floats.
      kinds: By name, what each of them is.
      names: Of the classes, for labels; None: labels are numbers as text.
      parts: By name of a feature, those of its tags or columns, as in `Examples.names`.
    """
    return measured(decode_example(features, kinds), names, parts)


def measured(
    decoded: Mapping[str, Decoded],
    names: Sequence[str] | None = None,
    parts: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Value]:
    """`describe`, of an example that has been decoded."""
    found: dict[str, Value] = {}
    for feature, value in decoded.items():
        problem, measures = value.problem, {}
        if not problem:
            try:
                measures = _measures(value, decoded, names, (parts or {}).get(feature))
            except ValueError as error:
                problem = str(error)
        if problem or value.kind in _MEDIA:
            measures = {"undecodable": int(bool(problem))} | measures
        for measure, number in measures.items():
            found[f"{feature}/{measure}" if measure else feature] = number
    return found


def _measures(
    value: Decoded,
    example: Mapping[str, Decoded],
    names: Sequence[str] | None,
    parts: Sequence[str] | None,
) -> dict[str, Any]:
    match value.kind:
        case "picture":
            return pictures.describe(value)
        case "pictures":
            return clips.describe(value)
        case "sound":
            return sounds.describe(value)
        case "text":
            return texts.describe(value)
        case "flow":
            return flow.describe(value, *(example.get(name) for name in flow.MASKS))
        case "entities":
            return entities.describe(value, example.get(entities.MASK), parts)
        case "choice":
            return entities.describe_choice(value)
        case "label":
            return {"": labels.name_of(value.value, names)}
        case "labels":
            return labels.describe(value, names)
        case "tags":
            return labels.describe_tags(value, parts)
        case "number" | "category":
            return {"": value.value}
    return {}  # a mask is measured with what it covers
