"""Whether a folder is one that data sets are kept in, or holds the user's files, which nothing may be written into."""

from __future__ import annotations

import json
import os
from pathlib import Path

from perceiver_keras.data.own.files import left_over
from perceiver_keras.errors import UsageError
from perceiver_keras.remote import is_remote

_OURS = ("own_data", "sentencepiece")
# As TFDS lays them out, also by a process that is still writing or was killed.
_DATASET = ("*/dataset_info.json", "*/*/dataset_info.json", "incomplete.*_*", "*/incomplete.*_*")


def check(folder: str) -> None:
    """Refuses a folder of the user's files: a data set written into it would be taken for one of them.

    Accepted are a folder that does not exist, one with nothing in it but hidden files and empty folders, and one with
    something of ours or of TFDS's, whatever else it holds.

    Raises:
      UsageError: it holds other files; or it is the folder of a data set, inside of the one to name.
      OSError: it can't be read.
    """
    if is_remote(folder) or not os.path.isdir(folder):
        return
    root = Path(folder)
    entries = sorted(path for path in root.iterdir() if not left_over(path.name))
    for inside in (root, *(path for path in entries if path.is_dir())):
        if (inside / "dataset_info.json").is_file():
            raise UsageError(
                f"{folder} is the folder of a TFDS data set; data.data_dir names the one that holds the folders of "
                f"data sets{_above(inside)}."
            )
    if any(_is_ours(entry) for entry in entries) or all(_is_empty(entry) for entry in entries):
        return
    raise UsageError(
        f"{folder} holds {entries[0].name!r}, but no TFDS data set: data.data_dir names the folder that data sets "
        f"are prepared in. To use your own files, add --data {folder}."
    )


def _above(version: Path) -> str:
    """A hint at the folder above NAME/VERSION, or NAME/CONFIG/VERSION."""
    try:
        about = json.loads((version / "dataset_info.json").read_text())
        return f", {version.resolve().parents[2 if about.get('configName') else 1]}"
    except (OSError, ValueError, AttributeError, IndexError):
        return ""


def _is_ours(entry: Path) -> bool:
    if not entry.is_dir():
        return False
    inside = list(entry.iterdir())
    if entry.name == "manual":  # manual/NAME/…; a class of pictures may be called so
        return any(path.is_dir() for path in inside)
    if entry.name == "downloads":
        ours = ("extracted", "manual")
        return any(path.name in ours or path.suffix == ".INFO" for path in inside)
    return entry.name in _OURS or any(any(entry.glob(pattern)) for pattern in _DATASET)


def _is_empty(entry: Path) -> bool:
    return entry.is_dir() and not any(entry.iterdir())
