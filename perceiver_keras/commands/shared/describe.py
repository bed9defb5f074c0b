"""What every setting is: key, type, default, meaning and unit, read from the dataclasses and their comments.

The meaning of a field is the comment at the end of its line, or the comment lines above it. What stands in square
brackets at the comment's end is the unit.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import io
import json
import re
import textwrap
import tokenize
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

from perceiver_keras.config_tree import choices, spell, to_dict


class Setting(NamedTuple):
    """One setting.

    Attributes:
      key: Dotted, as `--set` takes it.
      type: In words; for one of several classes, their names.
      default: As `--set` takes it; "" if every preset sets it.
      meaning: A sentence's part; "" if the code does not say it.
      unit: "" for what is not a number.
      kind: The class that has the setting, if the field above it allows several; else "".
      choices: The names of the classes that it may be; () for a plain value.
    """

    key: str
    type: str
    default: str
    meaning: str
    unit: str
    kind: str
    choices: tuple[str, ...]


def settings(cls: type, path: str = "", kind: str = "") -> Iterator[Setting]:
    """All settings of a configuration's class, in their order, those of all choices included."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        key = f"{path}.{field.name}" if path else field.name
        classes = choices(hints[field.name])
        nullable = type(None) in typing.get_args(hints[field.name])
        if len(classes) != 1 or nullable:
            meaning, unit = meaning_of(cls, field.name)
            names = tuple(choice.__name__ for choice in classes)
            words = spell(hints[field.name])
            yield Setting(key, words, _default(field), meaning, unit, kind, names)
        for choice in classes:
            below = choice.__name__ if len(classes) > 1 else kind
            yield from settings(choice, key, below)


def settings_of(config: Any) -> list[tuple[Setting, Any]]:
    """The settings that a configuration has, with its values: of several classes, those of the one that it uses."""
    tree = to_dict(config)
    found = []
    for setting in settings(type(config)):
        section, _, name = setting.key.rpartition(".")
        parts = section.split(".") if section else []
        place = functools.reduce(lambda at, part: (at or {}).get(part), parts, tree)
        if not place or (setting.kind and place["kind"] != setting.kind):
            continue
        value = place[name]
        known = isinstance(value, dict) and bool(setting.choices)
        found.append((setting, value.get("kind", setting.choices[0]) if known else value))
    return found


def flat(tree: dict[str, Any], path: str = "") -> dict[str, Any]:
    """{dotted key: value} of a tree; an empty object is a value."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        key = f"{path}.{name}" if path else str(name)
        found |= flat(value, key) if isinstance(value, dict) and value else {key: value}
    return found


def meaning_of(cls: type, name: str) -> tuple[str, str]:
    """(meaning, unit) of a field, from the class that declares it; ("", "") if there is no comment."""
    for owner in cls.__mro__:
        if comment := _comments(owner).get(name):
            meaning, unit = re.fullmatch(r"(.*?)(?:\s*\[([^\[\]]+)\])?\.?", comment).groups()
            return meaning[:1].upper() + meaning[1:], unit or ""
    return "", ""


@functools.cache
def _comments(cls: type) -> dict[str, str]:
    """{field: its comment} of the fields that the class itself declares."""
    if not dataclasses.is_dataclass(cls):
        return {}
    source = textwrap.dedent(inspect.getsource(cls))
    comments, alone = {}, set()  # line -> text; lines that hold nothing else
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = token.string.lstrip("# ").strip()
            if not token.line[: token.start[1]].strip():
                alone.add(token.start[0])
    found = {}
    for node in ast.parse(source).body[0].body:
        if not isinstance(node, ast.AnnAssign):
            continue
        first = node.lineno
        while first - 1 in alone:
            first -= 1
        lines = [*range(first, node.lineno), *range(node.lineno, node.end_lineno + 1)]
        found[node.target.id] = " ".join(comments[line] for line in lines if line in comments)
    return found


def _default(field: dataclasses.Field) -> str:
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    elif field.default is not dataclasses.MISSING:
        value = field.default
    else:
        return ""
    return word(to_dict(value) if dataclasses.is_dataclass(value) else value)


def word(value: Any) -> str:
    """A value as `--set` takes it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
