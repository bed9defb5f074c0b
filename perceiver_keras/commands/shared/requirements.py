"""Are the installed packages those that this one asks for, and those that they ask for in turn?

Read from the metadata of what is installed: nothing is imported, and no index is asked.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

PROJECT = "perceiver-keras"
EXTRAS = ("pipeline", "serve", "text", "video")


@dataclass
class Wanted:
    """A package, and who wants which versions of it.

    Attributes:
      by: Who wants it -> the versions wanted, as in ">=1.13,<1.17"; empty if any will do.
      optional: Only an extra of this project leads to it.
    """

    name: str
    by: dict[str, str] = field(default_factory=dict)
    optional: bool = True

    @property
    def unmet(self) -> dict[str, str]:
        """The part of `by` that what is installed does not meet; everything if nothing is installed."""
        from packaging.specifiers import SpecifierSet

        have = installed(self.name)
        return {
            who: versions
            for who, versions in self.by.items()
            if have is None or not SpecifierSet(versions).contains(have, prereleases=True)
        }

    @property
    def requirement(self) -> str:
        """For an installer: the name with all that is wanted of it."""
        parts = sorted({part for text in self.by.values() for part in text.split(",") if part})
        return self.name + ",".join(parts)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(name: str) -> str | None:
    """The version of a distribution, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def wanted(project: str = PROJECT) -> dict[str, Wanted]:
    """Every package that the project leads to, by its normal name; empty if it was never installed."""
    found: dict[str, Wanted] = {}
    for extras in ((), EXTRAS):
        seen: set[tuple[str, str]] = set()
        todo = [(normal(project), extra) for extra in ("", *extras)]
        while todo:
            here = todo.pop()
            if here in seen:
                continue
            seen.add(here)
            for need in _needs(*here):
                name = normal(need.name)
                entry = found.setdefault(name, Wanted(name))
                entry.by[here[0]] = _both(entry.by.get(here[0], ""), str(need.specifier))
                entry.optional &= bool(extras)
                todo += [(name, extra) for extra in ("", *need.extras)]
    return found


def below(name: str, project: dict[str, Wanted]) -> set[str]:
    """The package itself and all that it leads to."""
    found, todo = set(), [normal(name)]
    while todo:
        here = todo.pop()
        if here not in found:
            found.add(here)
            todo += [other for other, entry in project.items() if here in entry.by]
    return found


def install_command(*requirements: str, again: bool = False) -> str:
    """The command that installs into this environment; with `again`, also what is there already."""
    if importlib.util.find_spec("pip"):
        words = [sys.executable, "-m", "pip", "install"]
    else:  # uv makes environments without pip, and `pip` is then another environment's
        words = ["uv", "pip", "install", "--python", sys.executable]
    if again:
        words += ["--force-reinstall", "--no-deps"]
    return shlex.join([*words, *requirements])


def _both(one: str, other: str) -> str:
    return ",".join(sorted({*one.split(","), *other.split(",")} - {""}))


@functools.cache
def _needs(name: str, extra: str) -> Sequence[object]:
    """The requirements of an installed distribution that apply here, or those that its extra adds."""
    from packaging.requirements import InvalidRequirement, Requirement

    def read() -> Iterator[object]:
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            return
        for line in lines:
            try:
                need = Requirement(line)
            except InvalidRequirement:  # old packages have lines that no tool can read any more
                continue
            marker = need.marker
            always = marker is None or marker.evaluate({"extra": ""})
            if always if not extra else marker and not always and marker.evaluate({"extra": extra}):
                yield need

    return tuple(read())
