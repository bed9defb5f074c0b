"""Trees of settings: to JSON and back, and dotted overrides; unknown keys and wrong types are errors.

override(config, "train.steps=500")      # a changed copy
from_json(type(config), to_json(config)) # an equal copy
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, Union

from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.nearest_key import nearest_key
from perceiver_keras.ranges import OutOfRange, check_range

Config = TypeVar("Config")


# === JSON both ways ===


def to_dict(config: Any) -> dict[str, Any]:
    """As plain containers. If a field allows several classes, its dictionary has the class's name as `kind`."""
    hints = typing.get_type_hints(type(config))
    result = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            tagged = len(choices(hints[f.name])) > 1
            value = ({"kind": type(value).__name__} if tagged else {}) | to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        result[f.name] = value
    return result


def from_dict(cls: type[Config], values: Mapping[str, Any], *, path: str = "") -> Config:
    """The inverse of `to_dict`; raises `UsageError` for an unknown or missing key or a wrong type."""
    hints = typing.get_type_hints(cls)
    if not isinstance(values, Mapping):
        first = next(iter(hints), "")
        raise UsageError(
            f"{path or 'config'}: expected an object with keys, got {values!r}. "
            f"Set one key of it, as in {f'{path}.' if path else ''}{first}={example(hints[first])}."
        )
    for key in values:
        _check_key(key, hints, path)
    arguments = {
        key: _coerce(value, hints[key], f"{path}.{key}" if path else key)
        for key, value in values.items()
    }
    required = {
        f.name
        for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    if missing := sorted(required - arguments.keys()):
        raise UsageError(f"{path or cls.__name__}: missing {', '.join(missing)}.")
    return cls(**arguments)


def tagged(config: Any) -> dict[str, Any]:
    """`to_dict` with the class's name as `kind`, for a field that allows several classes."""
    return {"kind": type(config).__name__} | to_dict(config)


def untagged(hint: Any, value: Any, path: str) -> Any:
    """The inverse of `tagged`, for a union of dataclasses; an instance of one of them is returned as it is."""
    return _coerce(value, hint, path)


def to_json(config: Any) -> str:
    """JSON with sorted keys."""
    return json.dumps(to_dict(config), indent=2, sort_keys=True)


def from_json(cls: type[Config], text: str) -> Config:
    """The inverse of `to_json`; raises `UsageError` for invalid JSON, and as `from_dict`."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The configuration is not valid JSON: {error}.") from None
    return from_dict(cls, values)


# === Overrides ===


def override(config: Config, *assignments: str) -> Config:
    """A copy of `config` with dotted assignments applied, e.g. `override(c, "train.steps=500")`.

    Values are read as JSON if they are valid JSON, else as strings; keys may be spelled with `-`. In a key with "@",
    such as `evaluate.thresholds.accuracy@label=St. John=0.9`, what follows it up to the last "=" is the name of a
    slice, taken as it is.

    Raises:
      UsageError: there is no such key, or the value has the wrong type.
    """
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if "@" in key:
            key, equals, text = assignment.rpartition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"{assignment!r} is not an override; write it as key=value, e.g. train.steps=500."
            )
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        dotted, at, of = key.strip().partition("@")
        whole = dotted.replace("-", "_")
        *sections, last = whole.split(".")
        try:
            config = _replace(config, [*sections, last + at + of], value, "")
        except _UnknownKey as error:
            raise error.within(config, whole) from None
    return config


def merge(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of `config` with the values of a partial tree, such as `--config FILE` holds; raises as `from_dict`.

    Objects such as thresholds are merged key by key, unless the tree is whole.
    """
    try:
        return _whole(type(config), values) or from_dict(
            type(config), _merge_trees(to_dict(config), values)
        )
    except _UnknownKey as error:
        raise error.within(config) from None


def _whole(cls: type[Config], values: Mapping[str, Any]) -> Config | None:
    """The configuration if `values` sets all of it, as `perceiver config` prints it; its objects are not merged."""
    try:
        found = from_dict(cls, values)
    except UsageError:
        return None  # partial, or wrong: merging says what
    return found if _shape(to_dict(found)) == _shape(values) else None


def _shape(tree: Any) -> Any:
    return {k: _shape(v) for k, v in tree.items()} if isinstance(tree, Mapping) else None


def keys(config: Any) -> list[str]:
    """The dotted keys of all settings and sections, in their order: `train`, `train.steps`, ..."""
    found = []
    for f in dataclasses.fields(config):
        found.append(f.name)
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            found += [f"{f.name}.{key}" for key in keys(value)]
    return found


class Whole(dict[str, Any]):
    """A mapping that `merge` puts in the place of the configuration's, instead of adding its keys to it."""


def _merge_trees(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        if isinstance(value, Whole):
            merged[key] = dict(value)
            continue
        both = isinstance(value, Mapping) and isinstance(old.get(key), Mapping)
        same_kind = both and value.get("kind", old[key].get("kind")) == old[key].get("kind")
        merged[key] = _merge_trees(old[key], value) if same_kind else value
    return merged


def _replace(config: Any, keys: list[str], value: Any, path: str) -> Any:
    key, *rest = keys
    here = f"{path}.{key}" if path else key
    if isinstance(config, Mapping):
        return {**config, key: _replace(config[key], rest, value, here) if rest else value}
    if not dataclasses.is_dataclass(config):
        raise UsageError(f"{path} has no keys below it, so {here} can't be set.")
    hints = typing.get_type_hints(type(config))
    _check_key(key, hints, path)
    old = getattr(config, key)
    new = _replace(old, rest, value, here) if rest else value
    return dataclasses.replace(config, **{key: _coerce(new, hints[key], here)})


class _UnknownKey(UsageError):
    """A key that its section lacks; `within` looks for the one that was meant in the whole tree."""

    def __init__(self, key: str, known: Iterable[str], path: str):
        self.where, self.known = f"{path}.{key}" if path else key, list(known)
        super().__init__(f"Unknown configuration key {self.where!r}.{nearest(key, self.known)}")

    def within(self, config: Any, whole: str = "") -> UsageError:
        """The error with the nearest whole key of `config`; `whole` is all that the user wrote."""
        meant = nearest_key((self.where, whole or self.where), keys(config))
        if not meant:
            return self
        return UsageError(f"Unknown configuration key {self.where!r}. Did you mean {meant}?")


def _check_key(key: str, known: Mapping[str, Any], path: str) -> None:
    if key not in known:
        raise _UnknownKey(key, known, path)


def choices(hint: Any) -> list[type]:
    """The dataclasses that a field allows; [] if it holds a plain value."""
    if dataclasses.is_dataclass(hint):
        return [hint]
    if typing.get_origin(hint) in (Union, types.UnionType):
        return [choice for choice in typing.get_args(hint) if dataclasses.is_dataclass(choice)]
    return []


def _coerce(value: Any, hint: Any, path: str) -> Any:
    """`value` as the annotated type; raises `UsageError` with the field, the value and the expected type."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return _coerce_union(value, hint, path)
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else from_dict(hint, value, path=path)
    if typing.get_origin(hint) is Literal:
        if value in typing.get_args(hint):
            return value
        raise UsageError(
            f"{path}: {value!r} is not allowed.{nearest(str(value), map(str, typing.get_args(hint)))}"
        )
    if typing.get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        item = typing.get_args(hint)[0]
        return tuple(_coerce(v, item, f"{path}[{i}]") for i, v in enumerate(value))
    if typing.get_origin(hint) is dict and isinstance(value, Mapping):
        item = typing.get_args(hint)[1]
        return {str(k): _coerce(v, item, f"{path}.{k}") for k, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    # Not isinstance: True is an instance of int. No setting is infinite, and NaN equals nothing.
    if type(value) is hint and not (hint is float and not math.isfinite(value)):
        if hint in (int, float):
            check_range(path, value)
        return value
    raise _wrong_type(value, hint, path)


def _coerce_union(value: Any, hint: Any, path: str) -> Any:
    allowed = typing.get_args(hint)
    if value is None and type(None) in allowed:
        return None
    classes = {choice.__name__: choice for choice in choices(hint)}
    if isinstance(value, Mapping) and classes:
        kind = value.get("kind", next(iter(classes)) if len(classes) == 1 else None)
        if kind not in classes:
            raise UsageError(f"{path}.kind: {kind!r} is unknown.{nearest(str(kind), classes)}")
        return from_dict(classes[kind], {k: v for k, v in value.items() if k != "kind"}, path=path)
    if type(value) in classes.values():
        return value
    for choice in allowed:
        if choice is not type(None) and not dataclasses.is_dataclass(choice):
            try:
                return _coerce(value, choice, path)
            except OutOfRange:
                raise
            except UsageError:
                continue
    raise _wrong_type(value, hint, path)


def _wrong_type(value: Any, hint: Any, path: str) -> UsageError:
    of_slice = f"; for the slice {value}: {path}={value}={example(hint)}" if "@" in path else ""
    return UsageError(
        f"{path}: expected {spell(hint)}, got {value!r}; an example: {path}={example(hint)}{of_slice}."
    )


def spell(hint: Any) -> str:
    """A field's type as people read it: `int`, `list of float`, `text or null`, the values of a choice."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(spell(choice) for choice in arguments)
    if typing.get_origin(hint) is Literal:
        return " or ".join(map(str, arguments))
    if typing.get_origin(hint) is tuple:
        return f"list of {spell(arguments[0])}"
    if typing.get_origin(hint) is dict:
        return f"object of {spell(arguments[1])}"
    if hint is type(None):
        return "null"
    return "text" if hint is str else getattr(hint, "__name__", str(hint))


def example(hint: Any) -> str:
    """A value of a field's type, as `--set` takes it."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (Union, types.UnionType):
        return example(next(choice for choice in arguments if choice is not type(None)))
    if typing.get_origin(hint) is Literal:
        return str(arguments[0])
    if typing.get_origin(hint) is tuple:
        return f"[{example(arguments[0])},{example(arguments[0])}]"
    if typing.get_origin(hint) is dict:
        return f'{{"name":{example(arguments[1])}}}'
    if dataclasses.is_dataclass(hint):
        return f'{{"kind":"{hint.__name__}"}}'
    return {int: "8", float: "0.5", bool: "true", str: "name"}.get(hint, "null")
