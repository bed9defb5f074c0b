"""A schema for people: what it allows, and how two of them differ; without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

# Tags of a feature's annotation: its values are the classes of the data set; its values are exactly those listed.
CLASSES_TAG = "classes"
VALUES_TAG = "values "
_TYPES = {schema_pb2.BYTES: "name", schema_pb2.INT: "whole number", schema_pb2.FLOAT: "number"}


def classes_of(schema: schema_pb2.Schema) -> dict[str, list[str]]:
    """The classes, in order, of each feature that holds them."""
    domains = {domain.name: list(domain.value) for domain in schema.string_domain}
    return {
        feature.name: domains.get(feature.domain, [])
        for feature in schema.feature
        if CLASSES_TAG in feature.annotation.tag
    }


def exact_values(feature: schema_pb2.Feature) -> list[int] | None:
    """The only values of a number; None if it has a range."""
    for tag in feature.annotation.tag:
        if tag.startswith(VALUES_TAG):
            return [int(word) for word in tag.removeprefix(VALUES_TAG).split()]
    return None


def in_words(schema: schema_pb2.Schema) -> list[dict[str, Any]]:
    """One row per feature.

    Returns:
      [{"feature", "type": "name", "number" or "whole number", "required": whether every example must have it,
      "allowed": a phrase, "classes": in order or None, "values": the only ones or None, "range": [from, to] or None}].
    """
    classes = classes_of(schema)
    domains = {domain.name: list(domain.value) for domain in schema.string_domain}
    rows = []
    for feature in schema.feature:
        names = domains.get(feature.domain) if feature.domain else None
        values = names if names is not None else exact_values(feature)
        bounds = None if values is not None else range_of(feature)
        rows.append(
            {
                "feature": feature.name,
                "type": _TYPES.get(feature.type, "unknown"),
                "required": feature.presence.min_fraction >= 1,
                "allowed": _allowed(values, bounds, feature.name in classes),
                "classes": classes.get(feature.name),
                "values": None if feature.name in classes else values,
                "range": bounds,
            }
        )
    return rows


def range_of(feature: schema_pb2.Feature) -> list[float] | None:
    """[from, to] of numbers; None if there is no such limit."""
    which = feature.WhichOneof("domain_info")
    if which not in ("int_domain", "float_domain"):
        return None
    domain = getattr(feature, which)
    return [domain.min, domain.max]


def differences(old: schema_pb2.Schema, new: schema_pb2.Schema) -> list[dict[str, Any]]:
    """What a new schema changes, one row per feature and kind of change.

    Returns:
      [{"feature", "what": "type", "required", "classes", "values", "range", "feature" (new or gone), "was", "is",
      "text"}], where two ranges that differ in the fifth digit only are the same.
    """
    before, now = ({row["feature"]: row for row in in_words(schema)} for schema in (old, new))
    return [
        row for name in sorted(before.keys() | now.keys()) for row in _changes(name, before, now)
    ]


def _changes(
    name: str, before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    if name not in before:
        yield _change(name, "feature", None, now[name]["allowed"], "is new")
        return
    if name not in now:
        yield _change(name, "feature", before[name]["allowed"], None, "is gone")
        return
    was, is_ = before[name], now[name]
    for what in ("type", "required"):
        if was[what] != is_[what]:
            yield _change(
                name, what, was[what], is_[what], f"{what}: {was[what]} becomes {is_[what]}"
            )
    if was["classes"] != is_["classes"]:
        told = _class_changes(was["classes"] or [], is_["classes"] or [])
        yield _change(name, "classes", was["classes"], is_["classes"], told)
    elif was["values"] != is_["values"] or _rounded(was["range"]) != _rounded(is_["range"]):
        what = "range" if is_["range"] else "values"
        told = f"{was['allowed']} becomes {is_['allowed']}"
        yield _change(name, what, was[what] or was["allowed"], is_[what] or is_["allowed"], told)


def _change(name: str, what: str, was: Any, is_: Any, told: str) -> dict[str, Any]:
    return {"feature": name, "what": what, "was": was, "is": is_, "text": f"{name}: {told}"}


def _class_changes(was: list[str], is_: list[str]) -> str:
    parts = []
    if added := [name for name in is_ if name not in was]:
        parts.append(f"new {_some(added)}")
    if removed := [name for name in was if name not in is_]:
        parts.append(f"gone {_some(removed)}")
    if [n for n in was if n in is_] != [n for n in is_ if n in was]:
        parts.append(f"another order, {_some(was)} becomes {_some(is_)}")
    return "; ".join(parts) or "the same"


def _allowed(values: list[Any] | None, bounds: list[float] | None, classes: bool) -> str:
    if values is not None:
        counted = f"{len(values)} classes: " if classes else ""
        return counted + _some(values)
    return f"{bounds[0]:.4g} to {bounds[1]:.4g}" if bounds else "any"


def _some(values: list[Any], most: int = 12) -> str:
    more = f", … ({len(values)})" if len(values) > most else ""
    return ", ".join(map(str, values[:most])) + more


def _rounded(bounds: list[float] | None) -> list[str] | None:
    return None if bounds is None else [f"{bound:.4g}" for bound in bounds]
