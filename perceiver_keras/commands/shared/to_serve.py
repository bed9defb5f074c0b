"""From a path, as people name their models, to a folder of versions that a server can watch."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import click

from perceiver_keras.commands.shared.digests import digest, digest_of_files
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.server.settings import ModelSource

SAVED_MODEL = "saved_model.pb"
# What a folder of versions is called inside a folder that has the model's name.
PLAIN_NAMES = ("pushed", "served", "preset", "export", "exported")


def sources(words: Sequence[str], weights: str | None) -> list[ModelSource]:
    """The models of `perceiver serve`'s PATHs.

    Args:
      words: [NAME=]PATH each: a run folder, a folder of versions, one SavedModel, a preset folder or, with weights, a
        preset's name. What is not exported yet is exported into the cache, once for each state of its weights.
      weights: Official weights, for presets' names.

    Raises:
      UsageError: two models have one name, or nothing can be served there.
      PerceiverError: a run or a preset folder is damaged.
    """
    found = [_source(word, weights) for word in words]
    names = [source.name for source in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two models are called {name!r}; name them: NAME=PATH.")
    return found


def _source(word: str, weights: str | None) -> ModelSource:
    from perceiver_keras.tasks import preset_folder, run_folder

    name, path = _named(word)
    if not path.exists():
        return ModelSource(name=name or _name(path), base_path=_of_preset_name(word, path, weights))
    if not path.is_dir():
        raise UsageError(
            f"{path} is a file; name the folder of a SavedModel, of its versions or of a run."
        )
    name = name or _name(path)
    if run_folder.is_run_folder(path):
        model = run_folder.find(path)
        click.echo(model.told, err=True)
        if model.saved_model is not None:
            return ModelSource(name=name, base_path=_absolute(model.saved_model.parent))
        path = model.preset or path
    if preset_folder.is_preset_folder(path):
        return ModelSource(name=name, base_path=_exported(path))
    if (path / SAVED_MODEL).is_file():
        return _of_saved_model(name, path)
    if any(_is_version(below.name) and below.is_dir() for below in path.iterdir()):
        return ModelSource(name=name, base_path=_absolute(path))
    raise UsageError(
        f"{path} has no {SAVED_MODEL}, no version folders and no preset; name a run folder, an export or a "
        "preset folder."
    )


def _named(word: str) -> tuple[str, Path]:
    """("", PATH) or (NAME, PATH) of NAME=PATH; a path that has an = of its own is a path."""
    name, equals, rest = word.partition("=")
    if not equals or Path(word).exists() or "/" in name:
        return "", Path(word)
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise UsageError(
            f"{word}: a model's name has letters, digits, _, . and - only; got {name!r}."
        )
    return name, Path(rest)


def _name(path: Path) -> str:
    """The last part of the path that says something: runs/digits/pushed/3 is digits."""
    parts = [p for p in Path(_absolute(path)).parts if not _is_version(p) and p not in PLAIN_NAMES]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", parts[-1] if parts else "") or "model"


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and name == str(int(name)) and int(name) < 2**63


def _absolute(path: Path) -> str:
    return os.path.abspath(path)


def _of_saved_model(name: str, path: Path) -> ModelSource:
    """One SavedModel: this version of its folder or, where its name is no number, version 1 of a folder of links."""
    path = Path(_absolute(path))
    if _is_version(path.name):
        version = int(path.name)
        return ModelSource(
            name=name, base_path=str(path.parent), policy="specific", versions=(version,)
        )
    base = cache() / "links" / digest(str(path))[:16]
    base.mkdir(parents=True, exist_ok=True)
    link = base / "1"
    if not link.is_symlink():
        link.symlink_to(path, target_is_directory=True)
    return ModelSource(name=name, base_path=str(base))


def cache() -> Path:
    """Where exports and configuration files of `perceiver serve` are kept."""
    from perceiver_keras.convert.download import cache_folder

    return cache_folder() / "serve"


def _exported(folder: Path) -> str:
    """A folder of versions with the export of a preset folder."""
    from perceiver_keras.commands.shared import options

    base = cache() / "exports" / digest_of_files(folder)[:16]
    if not (base / "1" / SAVED_MODEL).is_file():
        click.echo(f"Exporting {folder} …", err=True)
        task, model, config = options.load_preset_folder(folder)
        _export(task, config, model, base, options.read_about(folder).get("preset"))
    return str(base)


def _of_preset_name(word: str, path: Path, weights: str | None) -> str:
    """A folder of versions with a released preset and official weights."""
    from perceiver_keras.convert.hub import preset_of, source_of
    from perceiver_keras.tasks import registry

    preset = str(path)
    if repository := preset_of(preset):
        preset, weights = repository, weights or "huggingface"
    having = registry.having(preset)
    if not having:
        raise UsageError(
            f"{word}: no such folder, and no preset of that name; see `perceiver presets`."
        )
    if len(having) > 1:
        names = ", ".join(task.name for task in having)
        raise UsageError(f"{preset} is a preset of {names}; name a preset folder instead.")
    if weights is None:
        raise UsageError(f"The preset {preset} needs --weights: deepmind, huggingface or a file.")
    weights = source_of(weights, preset)
    from perceiver_keras.commands.shared import options

    state = digest_of_files(weights) if Path(weights).exists() else weights
    base = cache() / "exports" / digest((preset, state))[:16]
    if not (base / "1" / SAVED_MODEL).is_file():
        click.echo(f"Exporting {preset} with {weights} …", err=True)
        task, model, config = options.load_weights(weights, having[0].name, preset)
        _export(task, config, model, base, preset)
    return str(base)


def _export(task, config, model, base: Path, preset: str | None) -> None:
    from perceiver_keras.export import export_saved_model
    from perceiver_keras.tasks import warm_up_examples

    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PerceiverError(f"{base} can't be written: {error}; set PERCEIVER_CACHE.") from None
    found = warm_up_examples.of(task, config, prepare=False)
    export_saved_model(
        task,
        config,
        model,
        str(base / "1"),
        labels=model.labels,
        preset=preset,
        warmup=found.examples,
        limits=found.limits,
    )
