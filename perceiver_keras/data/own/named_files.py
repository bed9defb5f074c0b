"""Files that the cells of a table, or the lines of a list, name."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from perceiver_keras.data.own.files import listing
from perceiver_keras.data.own.splits import split_named


class NamedFiles:
    """The files below a folder by their names.

    Attributes:
      root: The folder.
      files: All with one of the suffixes, relative to the folder.
    """

    def __init__(self, root: Path, suffixes: Sequence[str]):
        """Lists the files of `root` with one of `suffixes`, in lower case with their dot."""
        self.root, self._suffixes = root, suffixes
        found = listing(root).files
        self.files = [path for path in found if path.suffix.lower() in suffixes]
        self._by_name: dict[str, list[PurePosixPath]] = defaultdict(list)
        for path in self.files:
            for name in {path.name, path.stem}:
                self._by_name[name].append(path)

    def find(self, table: Path, cell: str, split: str | None = None) -> list[Path]:
        """The files that a cell may mean: one, or none; several if nothing tells which.

        A path is relative to the table. If it leads to nothing, data and table were moved apart, and the files with
        that name are meant whose folders agree as far as both are known; of several, those in a folder of the row's
        split or named like the table. The suffix may be missing.
        """
        name = cell.replace("\\", "/").strip()
        if not name:
            return []
        path = Path(
            os.path.normpath(table.parent / name)
        )  # a table in meta/ names "../audio/1.wav"
        try:
            there = [path] if path.is_file() else self._with_suffix(path)
        except (OSError, ValueError):  # too long for a name, or with a zero byte
            return []
        if there:
            return there
        parts = [part for part in name.split("/") if part not in ("", ".")]
        same = self._by_name.get(parts[-1], ()) if parts else ()
        found = [path for path in same if _agree(path.parts[:-1], parts[:-1])]
        if len(found) > 1:
            near = [p for p in found if _belongs(p.parts[:-1], table.stem, split)]
            found = near or found
        return [self.root / path for path in found]

    def _with_suffix(self, path: Path) -> list[Path]:
        """The files in that folder that have that name and one of the suffixes, in any case if they are listed."""
        named = [self.root / file for file in self._by_name.get(path.name, ())]
        listed = [file for file in named if Path(os.path.normpath(file)).parent == path.parent]
        beyond = (path.with_name(f"{path.name}{suffix}") for suffix in self._suffixes)
        return listed or [file for file in beyond if file.is_file()]

    def only(self, table: Path, cell: str) -> Path | None:
        """The file that a cell means, if there is just one."""
        found = self.find(table, cell)
        return found[0] if len(found) == 1 else None


def _agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the shorter of two paths of folders is the end of the longer."""
    common = min(len(one), len(other))
    return not common or list(one[-common:]) == list(other[-common:])


def _belongs(folders: Sequence[str], stem: str, split: str | None) -> bool:
    return stem in folders or (split is not None and split in map(split_named, folders))
