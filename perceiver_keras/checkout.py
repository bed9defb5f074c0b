"""Gives `pipeline/`, `components/` and `benchmarks/` one name, in a checkout and installed: `perceiver_keras.pipeline`.

In the wheel they are folders of this package, because a `pipeline` of its own in site-packages would be hidden by
anyone's own `pipeline/`. In a checkout they lie next to it. There, the short names still work where Python finds those
folders, and mean the same modules: a second copy of a module would have other classes and other state.

One finder does both. The alternatives: symbolic links in the package are second copies, and Git on Windows writes
them as text; the checkout's root in `perceiver_keras.__path__` would make `perceiver_keras.tests` and
`perceiver_keras.setup` importable too.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

PACKAGE = __name__.partition(".")[0]
NEXT_TO_IT = ("benchmarks", "components", "pipeline")
# Not resolved: under Bazel these are links to files, and only some of them are there.
HERE = Path(__file__).absolute().parent


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `perceiver_keras.pipeline` next to the package, and the modules in it by their short names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        first, _, below = name.partition(".")
        if first == PACKAGE and below in NEXT_TO_IT:
            if (HERE / below / "__init__.py").is_file():
                return None  # installed: Python finds it
            return _next_to_it(name, HERE.parent / below)
        if below and first in NEXT_TO_IT and is_ours(first):
            real = importlib.util.find_spec(f"{PACKAGE}.{name}")
            return real and ModuleSpec(name, _SameModule(real), origin=real.origin)
        return None


class _SameModule(importlib.abc.Loader):
    """Loads `pipeline.x` as the module `perceiver_keras.pipeline.x`."""

    def __init__(self, real: ModuleSpec):
        self._real = real

    def exec_module(self, module: ModuleType) -> None:
        # The import system returns the entry that it finds here afterwards.
        sys.modules[module.__name__] = importlib.import_module(self._real.name)

    def get_code(self, name: str) -> CodeType:
        """For `python -m pipeline.x`."""
        return self._real.loader.get_code(self._real.name)


def is_ours(name: str) -> bool:
    """Whether the imported module of that short name is our package, and not the user's own of the same name."""
    return name in sys.modules and sys.modules[name] is sys.modules.get(f"{PACKAGE}.{name}")


def one_name(name: str) -> None:
    """For the first lines of our package that Python is importing as `name`: makes it the one with the long name."""
    if name in NEXT_TO_IT:
        sys.modules[name] = importlib.import_module(f"{PACKAGE}.{name}")


def install() -> None:
    """Makes both names importable; calling it again has no effect."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # First, because Python's own finder would load `pipeline.x` again from its file.
        sys.meta_path.insert(0, _Finder())


def _next_to_it(name: str, folder: Path) -> ModuleSpec | None:
    init = folder / "__init__.py"
    if not init.is_file():
        return None
    return importlib.util.spec_from_file_location(
        name, init, submodule_search_locations=[str(folder)]
    )
