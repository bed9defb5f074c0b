"""Arguments and options that commands share, and the configuration that they describe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perceiver_keras.commands.shared import yaml_files
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry

if TYPE_CHECKING:
    from perceiver_keras.config import TaskConfig
    from perceiver_keras.tasks.task import Task

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class TaskName(click.ParamType):
    """A task of the registry, spelled with `_` or `-`."""

    name = "task"

    def convert(self, value: str, param: Any, ctx: Any) -> str:
        return registry.canonical(value)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(n) for n in registry.names() if n.startswith(incomplete)]


def together(*decorators: Decorator) -> Decorator:
    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


task_argument = click.argument("task", type=TaskName(), metavar="TASK")

# `cli.Commands.main` reads these two before the command runs; declared here for --help and the parser.
json_option = click.option(
    "--json", "as_json", is_flag=True, expose_value=False,
    help="Print one JSON object on stdout, everything else on stderr.",
)  # fmt: skip
debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    help="Show the traceback of an error and what the libraries log.",
)
common_options = together(json_option, debug_option)

metadata_option = click.option(
    "--metadata", metavar="URI",
    help="The run's metadata store, mysql://USER:PASSWORD@HOST:PORT/DATABASE.  [default: SQLite in the run folder]",
)  # fmt: skip

config_options = together(
    click.option(
        "--preset", default="tiny", show_default=True,
        help="A named configuration; see `perceiver presets`.",
    ),
    click.option(
        "--config", "config_files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
        help="YAML or JSON with settings that override the preset; repeatable, the last one wins.",
    ),
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE",
        help="A setting that overrides preset and files, e.g. train.steps=500; repeatable.",
    ),
    click.option(
        "--data", metavar="PATH",
        help="Your own data: a folder, table or archive, recognized by looking; or a TFDS name.",
    ),
    click.option(
        "--init", metavar="WEIGHTS",
        help="Fine-tune from these weights: deepmind, huggingface, a file, a preset folder or a run folder.",
    ),
    click.option("--seed", type=int, help="The run seed; short for --set train.seed=N."),
)  # fmt: skip


def load_preset_folder(
    folder: Path, task: str | None = None, overrides: tuple[str, ...] = ()
) -> tuple[Task, Any, TaskConfig]:
    """(task, model with its weights, configuration) from a folder that `save_to_preset` wrote, or of a run.

    Which model of a run was taken is said on stderr.

    Raises:
      UsageError: the folder belongs to another task, or an override would change the model.
      PerceiverError: it is neither, has no usable model, or is damaged.
    """
    from perceiver_keras.tasks.model import load

    the_task, config, found = read_preset_folder(folder, task, overrides)
    return the_task, load(found), config


def read_preset_folder(
    folder: Path, task: str | None = None, overrides: tuple[str, ...] = ()
) -> tuple[Task, TaskConfig, Path]:
    """(task, configuration, the preset folder itself), without the weights; raises as `load_preset_folder`."""
    from perceiver_keras.config_tree import override
    from perceiver_keras.errors import PerceiverError
    from perceiver_keras.tasks import preset_folder, run_folder

    if not folder.is_dir():
        raise PerceiverError(
            f"{folder} is not a folder; name a run folder, or a preset folder as `perceiver train` writes it."
        )
    folder = run_folder.preset_in(folder, say=lambda told: click.echo(told, err=True))
    config, about = preset_folder.read(folder)
    if task is not None and about["task"] != task:
        raise UsageError(f"{folder} holds a model for {about['task']}, not for {task}.")
    for assignment in overrides:
        if assignment.split(".")[0] in ("model", "train"):
            raise UsageError(
                f"--set {assignment}: the model and train settings of a trained model can't be changed."
            )
    return registry.get(about["task"]), override(config, *overrides), folder


def load_weights(
    weights: str, task_name: str, preset: str | None = None
) -> tuple[Task, Any, TaskConfig]:
    """(task, model, configuration) from a preset folder, official weights, or a source to download from.

    Args:
      weights: A preset folder; an official pickle, `.safetensors`, `.bin` or repository folder; "deepmind" or
        "huggingface".
      preset: Which released model to download; None: the task's first released one.

    Raises:
      UsageError: the weights belong to another task, or the task has no released model.
      PerceiverError: nothing is there, or it is damaged.
    """
    from perceiver_keras.convert.names import RELEASED
    from perceiver_keras.errors import PerceiverError
    from perceiver_keras.tasks import official

    if weights in ("deepmind", "huggingface"):
        released = [name for name in registry.get(task_name).presets if name in RELEASED]
        if not released:
            raise UsageError(f"{task_name} has no released model; name your own weights.")
        model = registry.get(task_name).model.from_preset(preset or released[0], weights=weights)
    elif not Path(weights).exists():
        raise PerceiverError(
            f"{weights} does not exist; name a preset folder, an official file, deepmind or huggingface."
        )
    elif (Path(weights) / "task.json").is_file() or not official.is_official(weights):
        return load_preset_folder(Path(weights), task_name)
    else:
        model = official.load_official(weights)
    if model.task_name != task_name:
        raise UsageError(f"{weights} holds a model for {model.task_name}, not for {task_name}.")
    return registry.get(task_name), model, model.task_config


def read_about(folder: Path) -> dict[str, Any]:
    """A preset folder's task.json: {"task", "preset", "labels"}."""
    return json.loads((folder / "task.json").read_text(encoding="utf-8"))


def read_config_files(paths: tuple[Path, ...]) -> list[tuple[str, dict[str, Any]]]:
    """(path, tree of settings) of each file, in the form that `Task.configure` takes."""
    return [(str(path), read_config_file(path)) for path in paths]


def read_config_file(path: Path) -> dict[str, Any]:
    """A tree of settings from a YAML or JSON file."""
    takes = "--config takes a YAML or JSON file."
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; {takes}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: can't be read ({error}); {takes}") from None
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        values = json.loads(text) if kind == "JSON" else yaml_files.load(text)
    except ValueError as error:
        raise UsageError(f"{path}: not valid {kind}: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(
            f"{path}: expected sections (data, model, train, evaluate), got {values!r}."
        )
    return values
