"""Trees of settings: to JSON and back, and dotted overrides; unknown keys and wrong types are errors.

override(config, "train.steps=500")      # a changed copy
from_json(type(config), to_json(config)) # an equal copy
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union

from perceiver_keras.errors import UsageError, nearest

Config = TypeVar("Config")


# === JSON both ways ===


def to_dict(config: Any) -> dict[str, Any]:
    """As plain containers. If a field allows several classes, its dictionary has the class's name as `kind`."""
    hints = typing.get_type_hints(type(config))
    result = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            tagged = len(_dataclass_choices(hints[f.name])) > 1
            value = ({"kind": type(value).__name__} if tagged else {}) | to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        result[f.name] = value
    return result


def from_dict(cls: type[Config], values: Mapping[str, Any], *, path: str = "") -> Config:
    """The inverse of `to_dict`; raises `UsageError` for an unknown or missing key or a wrong type."""
    if not isinstance(values, Mapping):
        raise UsageError(f"{path or 'config'}: expected an object with keys, got {values!r}.")
    hints = typing.get_type_hints(cls)
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
    except json.JSONDecodeError as error:
        raise UsageError(f"The configuration is not valid JSON: {error}.") from None
    return from_dict(cls, values)


# === Overrides ===


def override(config: Config, *assignments: str) -> Config:
    """A copy of `config` with dotted assignments applied, e.g. `override(c, "train.steps=500")`.

    Values are read as JSON if they are valid JSON, else as strings; keys may be spelled with `-`.

    Raises:
      UsageError: there is no such key, or the value has the wrong type.
    """
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"{assignment!r} is not an override; write it as key=value, e.g. train.steps=500."
            )
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        config = _replace(config, key.strip().replace("-", "_").split("."), value, "")
    return config


def merge(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of `config` with the values of a partial tree, such as `--config FILE` holds; raises as `from_dict`."""
    return from_dict(type(config), _merge_trees(to_dict(config), values))


def _merge_trees(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
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


def _check_key(key: str, known: Mapping[str, Any], path: str) -> None:
    if key not in known:
        where = f"{path}.{key}" if path else key
        raise UsageError(f"Unknown configuration key {where!r}.{nearest(key, known)}")


def _dataclass_choices(hint: Any) -> list[type]:
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
        return float(value)
    if type(value) is hint:  # not isinstance: True is an instance of int
        return value
    raise UsageError(f"{path}: expected {_spell(hint)}, got {value!r}.")


def _coerce_union(value: Any, hint: Any, path: str) -> Any:
    choices = typing.get_args(hint)
    if value is None and type(None) in choices:
        return None
    classes = {choice.__name__: choice for choice in _dataclass_choices(hint)}
    if isinstance(value, Mapping) and classes:
        kind = value.get("kind", next(iter(classes)) if len(classes) == 1 else None)
        if kind not in classes:
            raise UsageError(f"{path}.kind: {kind!r} is unknown.{nearest(str(kind), classes)}")
        return from_dict(classes[kind], {k: v for k, v in value.items() if k != "kind"}, path=path)
    if type(value) in classes.values():
        return value
    for choice in choices:
        if choice is not type(None) and not dataclasses.is_dataclass(choice):
            try:
                return _coerce(value, choice, path)
            except UsageError:
                continue
    raise UsageError(f"{path}: expected {_spell(hint)}, got {value!r}.")


def _spell(hint: Any) -> str:
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_spell(choice) for choice in typing.get_args(hint))
    if hint is type(None):
        return "null"
    return getattr(hint, "__name__", str(hint)) if typing.get_origin(hint) is None else str(hint)
