"""The model of a run folder: the newest blessed one of `perceiver run`, or the preset folder of `perceiver train`.

`run` keeps each pushed model twice: `pushed/VERSION`, a SavedModel, and `blessed/VERSION`, the same model as a preset
folder, which stays when `artifacts/` is cleaned. `train` leaves `preset/`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import aside_of
from perceiver_keras.remote import as_path
from perceiver_keras.tasks import preset_folder

BLESSED, PUSHED, PRESET = "blessed", "pushed", "preset"
# In a version that `perceiver rollback` has published: {"version", "of": the version that it is again, "because", …}.
ROLLBACK_FILE = "assets.extra/rollback.json"
# A run has at least one of these from its first second on.
_OF_RUN = ("run.json", "unfinished.json", "run.lock")
_OF_TRAIN = ("training/lock", *(f"{PRESET}/{name}" for name in preset_folder.FILES))


@dataclass(frozen=True, kw_only=True)
class Found:
    """The model of a run folder.

    Attributes:
      preset: The preset folder; None if the run is older than `blessed/` and its artifacts were cleaned.
      saved_model: The SavedModel that was pushed; None for a run of `train`.
      told: A sentence that says which model this is.
    """

    preset: Path | None
    saved_model: Path | None
    told: str


def is_run_folder(folder: str | os.PathLike) -> bool:
    """Whether `run` or `train` works in this folder; it may not hold a model yet."""
    folder = as_path(folder)
    if preset_folder.is_preset_folder(folder):
        return False
    return any((folder / name).exists() for name in (*_OF_RUN, *_OF_TRAIN))


def find(folder: str | os.PathLike) -> Found:
    """The newest model in a run folder that was blessed, or the one that `train` left.

    Raises:
      PerceiverError: there is none; the message says why and what to do.
    """
    folder = as_path(folder)
    if any((folder / name).exists() for name in _OF_RUN):
        return _of_run(folder)
    if not (folder / PRESET).is_dir():
        raise PerceiverError(
            f"{folder} holds a training that has not finished; run the same `perceiver train` "
            "command again to resume it."
        )
    preset_folder.read(folder / PRESET)  # raises if it is damaged
    return Found(
        preset=folder / PRESET,
        saved_model=None,
        told=f"Taking {folder / PRESET}, the model that `perceiver train` left.",
    )


def preset_in(folder: str | os.PathLike, say: Callable[[str], Any] | None = None) -> Path:
    """The preset folder of a run folder's model, which `say` is told of; any other folder is returned as it is.

    Args:
      folder: Any folder.
      say: Takes one sentence; by default, it is logged as a warning, which Python shows.

    Raises:
      PerceiverError: it is a run folder without such a model; the message says why and what to do.
    """
    if not is_run_folder(folder):
        return as_path(folder)
    found = find(folder)
    if found.preset is None:
        raise PerceiverError(
            f"{folder} has a served model, {found.saved_model}, but no longer its weights for "
            "training; run the same `perceiver run` command again to make them."
        )
    (say or logging.getLogger(__name__).warning)(found.told)
    return found.preset


def keep_blessed(run_dir: Path, trained: Path, version: str) -> Path:
    """Copies the preset folder of a pushed model to `blessed/VERSION`, whole or not at all; returns that folder."""
    kept = run_dir / BLESSED / version
    if not kept.is_dir():
        aside = aside_of(kept)
        shutil.rmtree(aside, ignore_errors=True)
        # Links, if the disk has them: the weights are never written again, and take space once.
        shutil.copytree(trained, aside, copy_function=_link)
        os.rename(aside, kept)
    return kept


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _of_run(folder: Path) -> Found:
    record = _record(folder)
    versions = sorted(_versions(folder / BLESSED) | _versions(folder / PUSHED))
    since = _since(folder, record)
    if not versions:
        raise PerceiverError(f"{folder} holds no blessed model: {since or _failed(folder)}")
    version = str(versions[-1])
    preset = next((p for p in _presets(folder, record, version) if p.is_dir()), None)
    saved_model = folder / PUSHED / version
    again = _rollback(folder, version)
    return Found(
        preset=preset,
        saved_model=saved_model if saved_model.is_dir() else None,
        told=f"Taking version {version} of {folder}, its newest blessed model"
        + (f": version {again['of']} again, because {again['because']}." if again else ".")
        + (f" The last run gave no newer one: {since}" if since else ""),
    )


def _rollback(folder: Path, version: str) -> dict[str, Any]:
    """What `perceiver rollback` says about a version that it published; {} for any other."""
    try:
        text = (folder / PUSHED / version / ROLLBACK_FILE).read_text(encoding="utf-8")
        return dict(json.loads(text))
    except (OSError, ValueError, RecursionError):
        return {}


def _record(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise PerceiverError(
            f"{path} is damaged ({error}); run the same `perceiver run` command again to write it."
        ) from None


def _since(folder: Path, record: dict[str, Any]) -> str:
    """Why the last run has no blessed model of its own; "" if it has."""
    if (folder / "unfinished.json").exists():
        return "it was stopped, or is still running; run the same command again to resume it."
    if not record or record.get("blessed"):
        return ""
    reasons = " ".join(record.get("refused_because", ())) or "the gate refused it."
    trained = _trained(folder, record)
    named = f", or use the refused model itself, {trained}" if trained else ""
    return f"it was trained but not blessed. {reasons} Train longer or lower the threshold{named}."


def _failed(folder: Path) -> str:
    return f"its run failed; {folder / 'run.log'} says why. Run the same command again."


def _versions(folder: Path) -> set[int]:
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return {int(name) for name in names if name.isascii() and name.isdigit()}


def _presets(folder: Path, record: dict[str, Any], version: str) -> list[Path]:
    """Where the preset folder of a version may be; runs before `blessed/` left it among the artifacts."""
    trained = _trained(folder, record)
    pushed = os.path.basename(record.get("pushed_model") or "") == version
    # A rollback that was killed after its version was published has not made `blessed/VERSION` yet.
    again = _rollback(folder, version)
    older = [folder / BLESSED / again["of"]] if again else []
    return [
        folder / BLESSED / version,
        *older,
        *([trained] if trained and pushed and not again else []),
    ]


def _trained(folder: Path, record: dict[str, Any]) -> Path | None:
    """The preset folder that the Trainer of the last run wrote, wherever the run folder is now."""
    for uri in record.get("artifacts", {}).get("Trainer", {}).get("model", ()):
        below = uri.rpartition("/artifacts/")[2]
        for place in (Path(uri), folder / "artifacts" / below):
            if (place / PRESET).is_dir():
                return place / PRESET
    return None
