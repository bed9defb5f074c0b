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
        for suffix in ("", *self._suffixes):
            try:
                if (path := table.parent / f"{name}{suffix}").is_file():
                    return [Path(os.path.normpath(path))]  # a table in meta/ names "../audio/1.wav"
            except (OSError, ValueError):  # too long for a name, or with a zero byte
                return []
        parts = [part for part in name.split("/") if part not in ("", ".")]
        same = self._by_name.get(parts[-1], ()) if parts else ()
        found = [path for path in same if _agree(path.parts[:-1], parts[:-1])]
        if len(found) > 1:
            near = [p for p in found if _belongs(p.parts[:-1], table.stem, split)]
            found = near or found
        return [self.root / path for path in found]

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
