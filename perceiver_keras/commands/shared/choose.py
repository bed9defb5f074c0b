"""The configuration that a command's options describe, and where each part of it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import say

if TYPE_CHECKING:
    from perceiver_keras.config import TaskConfig
    from perceiver_keras.tasks.task import Task

Layer = tuple[str, Mapping[str, Any]]  # where it comes from, and a partial tree of settings


class Chosen(NamedTuple):
    """The configuration, its layers between the preset and `--set`, and what lies in the user's data (or None).

    `start` holds the weights of `--init`, if it names any.
    """

    config: TaskConfig
    layers: list[Layer]
    found: Any
    start: Any = None


def choose(
    task: Task,
    preset: str,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    seed: int | None,
    data: str | None = None,
    init: str | None = None,
) -> Chosen:
    """The preset, then what `--data` determines, then the files in order, then `--set` in order, then `--seed`.

    With `--init`, the settings for fine-tuning come right after the preset, and what the weights need after the data's.

    Raises:
      UsageError: there is no such preset, key, metric or data, or a value has the wrong type.
      PerceiverError: the data can't be read.
    """
    from perceiver_keras.convert.names import RELEASED
    from perceiver_keras.gate import slices

    layers: list[Layer] = list(options.read_config_files(config_files))
    config = task.configure(preset, layers, overrides, seed)
    found = start = None
    if init is not None:
        from perceiver_keras.training import warm_start

        init = warm_start.named(init, task, preset)
        start = warm_start.read(init)
        layers.append(("--init", {"train": {"init": init}}))
    if data is not None:
        from perceiver_keras.tasks import own_data

        found = own_data.look(task, config, data)
        layers.insert(0, (f"--data {data}", own_data.settings(task, config, found)))
        config = task.configure(preset, layers, overrides, seed)
    if start is not None or (found is not None and preset in RELEASED):
        layers = _fine_tuned(task, preset, layers, overrides, start, found is not None)
        config = task.configure(preset, layers, overrides, seed)
    by_slice = any("@" in key for key in config.evaluate.thresholds)
    slices.check(task, config, known_classes(task, config, found) if by_slice else None)
    return Chosen(config, layers, found, start)


def known_classes(task: Task, config: TaskConfig, found: Any) -> list[str] | None:
    """Names of the data's classes, if they are known without preparing it, and there are any."""
    from perceiver_keras.data.store import source
    from perceiver_keras.errors import PerceiverError

    if getattr(found, "labels", None) is not None:
        return list(found.labels)
    data = config.data
    try:
        builder = source.open_builder(data.dataset, data.data_dir, prepare=False)
    except PerceiverError:
        return None  # what needs the data says why it is not there
    return source.label_names(builder, task.examples.label_of(config))


def _fine_tuned(
    task: Task,
    preset: str,
    layers: list[Layer],
    overrides: tuple[str, ...],
    start: Any,
    has_data: bool,
) -> list[Layer]:
    """The layers with those of a run that starts from other weights, each where the next ones win over it."""
    from perceiver_keras.training import fine_tuning

    def config(layers: list[Layer]) -> TaskConfig:
        return task.configure(preset, layers, overrides)

    recipe = fine_tuning.recipe(task, preset, config(layers))
    layers = [("the recipe for fine-tuning", recipe), *layers]
    if start is None:
        return layers
    place = 2 if has_data else 1
    for needed in (
        lambda layers: fine_tuning.from_start(start, task, preset, config(layers)),
        lambda layers: fine_tuning.kept(start, task, config(layers)),
    ):
        layers = [*layers[:place], (f"--init {start.name}", needed(layers)), *layers[place:]]
        place += 1
    return layers


def judged_on(
    task: Task, config: TaskConfig, data: str, model: Any, overrides: tuple[str, ...] = ()
) -> TaskConfig:
    """The configuration of a trained model with the user's data in place of its own, which is prepared.

    `overrides`, which `config` has already, may name the columns of a table.

    Raises:
      UsageError: there is no such data, or it has classes that the model lacks.
      PerceiverError: it can't be read.
    """
    from perceiver_keras.config_tree import merge
    from perceiver_keras.tasks import own_data

    found = own_data.look(task, config, data, model, overrides)
    tree = own_data.settings(task, config, found)
    config = merge(config, {"data": own_data.data_settings(found) | _columns(tree)})
    prepare(Chosen(config, [], found))
    return config


def _columns(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What says how the examples are stored; how pictures are scaled and the like is the model's."""
    kept = ("text", "text2", "label", "label_type", "max_labels")
    return {key: value for key, value in tree.get("data", {}).items() if key in kept}


def prepare(chosen: Chosen) -> None:
    """Says what was found, and prepares the data set with a progress bar, unless it is there already."""
    if chosen.found is None:
        return
    from perceiver_keras.progress import Progress
    from perceiver_keras.tasks import own_data

    say(str(chosen.found))
    items = len(getattr(chosen.found, "items", ()))
    with Progress(total=max(items, 1), label="reading your data") as progress:
        done = 0

        def read(count: int) -> None:
            nonlocal done
            done += count
            progress.update(done)

        left_out = own_data.make(chosen.config, chosen.found, read)
    if left_out:
        named = "; ".join(f"{name} ({reason})" for name, reason in list(left_out.items())[:5])
        more = f"; and {len(left_out) - 5} more" if len(left_out) > 5 else ""
        say(f"  left out     {len(left_out)} of {items}: {named}{more}")
    say()
