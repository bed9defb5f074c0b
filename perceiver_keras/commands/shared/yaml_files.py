"""Settings as YAML 1.2, where `1e-3` is a number and `on` a word; PyYAML reads and writes YAML 1.1.

In YAML 1.1, `learning_rate: 1e-3` is text, and `jit_compile: on` is true.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

TRUTH, NUMBER = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
# The core schema's (YAML 1.2.2, section 10.3.2), for the two kinds that differ.
CORE = {
    TRUTH: (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    NUMBER: (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+|[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}


class _Loader(yaml.SafeLoader):
    """Numbers and truth values of YAML 1.2."""


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 or 1.2 would read as something else than text; lists of plain values are on one line."""


def load(text: str) -> Any:
    """The value of a YAML document, {} if it is empty; raises ValueError, in one line, if it is not YAML."""
    try:
        return yaml.load(text, _Loader) or {}
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def dump(values: Any) -> str:
    """YAML of plain values, keys in their order, that `load` and PyYAML both read back."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    flat = not any(isinstance(value, (list, dict)) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # Line breaks to PyYAML, which loses them in any style but the one that escapes them.
    escaped = any(mark in text for mark in "\x85\u2028\u2029")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if escaped else None)


_Dumper.add_representer(list, _list)
_Dumper.add_representer(str, _text)
for cls in (_Loader, _Dumper):
    cls.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if cls is _Dumper or pair[0] not in CORE]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for tag, (pattern, firsts) in CORE.items():
        cls.add_implicit_resolver(tag, re.compile(f"(?:{pattern})$"), list(firsts))
