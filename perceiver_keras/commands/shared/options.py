"""Arguments and options that commands share, and the configuration that they describe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perceiver_keras.commands.shared import yaml_files
from perceiver_keras.errors import UsageError
from perceiver_keras.places import is_pattern
from perceiver_keras.remote import as_path, check, is_remote
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


class LocalPath(click.Path):
    """A path on this machine; a URL is refused in words.

    Args:
      plain: Refuse names that TFX and Beam take for patterns.
      path_type: As click has it.
    """

    def __init__(self, plain: bool = False, path_type: Any = Path, **kwargs: Any):
        super().__init__(path_type=path_type, **kwargs)
        self._plain = plain

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        _must_be_local(value, param)
        if value is not None and self._plain and is_pattern(value):
            raise UsageError(
                f"{_spelled(param)} {value}: TFX and Beam take [, *, ? and \\ in a name for patterns; name a folder "
                "without them."
            )
        return super().convert(_without_scheme(value), param, ctx)


class AnyPath(click.Path):
    """A path on this machine, as a `Path`, or a URL that TensorFlow reads, as a `RemotePath`; see `remote.check`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None or not is_remote(value):
            return super().convert(_without_scheme(value), param, ctx)
        check(value)
        return as_path(value)


class LocalName(click.ParamType):
    """A path on this machine, or another name; a URL is refused in words."""

    name = "text"

    def convert(self, value: str, param: Any, ctx: Any) -> str:
        value = _short(value)
        _must_be_local(value, param)
        return value


class AnyName(click.ParamType):
    """A path on this machine, a URL that TensorFlow reads, or another name."""

    name = "text"

    def convert(self, value: str, param: Any, ctx: Any) -> str:
        value = _short(value)
        check(value)
        return value


def _short(value: str) -> str:
    """A repository's name, where the address of its page is given."""
    from perceiver_keras.convert.hub import short_name

    return short_name(value)


def _without_scheme(value: Any) -> Any:
    """The path in `file:///path`; `Path` would take it for a folder called `file:`."""
    return str(as_path(value)) if isinstance(value, str) and value.startswith("file:") else value


def _must_be_local(value: Any, param: Any) -> None:
    if value is not None and is_remote(value):
        raise UsageError(
            f"{_spelled(param)} {value}: it must be on this machine. docs/scaling.md says which folders may be at "
            "URLs; copy it, and name the copy."
        )


def _spelled(param: Any) -> str:
    option = param.param_type_name == "option"
    return max(param.opts, key=len) if option else (param.metavar or param.name.upper())


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


def _preset(ctx: click.Context, param: Any, value: str) -> str:
    """The preset of a hub's name, whose weights `--init` then means if it is not given."""
    from perceiver_keras.convert.hub import preset_of

    if released := preset_of(value):
        ctx.meta[_HUB] = f"huggingface/{released}"
    return released or value


def _init(ctx: click.Context, param: Any, value: str | None) -> str | None:
    return value or ctx.meta.get(_HUB)


_HUB = "perceiver_keras.hub"

config_options = together(
    click.option(
        "--preset", default="tiny", show_default=True, is_eager=True, callback=_preset,
        help="A named configuration, see `perceiver presets`; or a repository of the hub, such as "
        "deepmind/vision-perceiver-fourier, whose weights are the --init then.",
    ),
    click.option(
        "--config", "config_files", multiple=True, type=LocalPath(), metavar="FILE",
        help="YAML or JSON with settings that override the preset; repeatable, the last one wins.",
    ),
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE",
        help="A setting that overrides preset and files, e.g. train.steps=500; repeatable.",
    ),
    click.option(
        "--data", type=LocalName(), metavar="PATH",
        help="Your own data: a folder, table or archive, recognized by looking; or a TFDS name.",
    ),
    click.option(
        "--init", type=AnyName(), metavar="WEIGHTS", callback=_init,
        help="Fine-tune from these weights: deepmind, huggingface, a repository of the hub, a file, a preset folder or "
        "a run folder.",
    ),
    click.option("--seed", type=int, help="The run seed; short for --set train.seed=N."),
)  # fmt: skip


def load_preset_folder(
    folder: Path, task: str | None = None, overrides: tuple[str, ...] = ()
) -> tuple[Task, Any, TaskConfig]:
    """(task, model with its weights, configuration) from a folder that `save_to_preset` wrote, or of a run.

    Which model of a run was taken is said on stderr.

    Raises:
      UsageError: the folder belongs to another task, or an override would change the model; or it is the name of a
        repository of the hub.
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
    from perceiver_keras.convert.hub import preset_of
    from perceiver_keras.errors import PerceiverError
    from perceiver_keras.tasks import preset_folder, run_folder

    if not folder.is_dir():
        if preset_of(folder):
            raise UsageError(
                f"{folder} is a repository of the hub, and this takes a folder; "
                f"`perceiver convert {folder} FOLDER --to keras` makes it one."
            )
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
      weights: A preset folder; an official pickle, `.safetensors`, `.bin` or repository folder; "deepmind",
        "huggingface" or a repository's name.
      preset: Which released model to download; None: the task's first released one.

    Raises:
      UsageError: the weights belong to another task or preset, or the task has no released model.
      PerceiverError: nothing is there, or it is damaged.
    """
    from perceiver_keras.convert.hub import preset_of, source_of
    from perceiver_keras.convert.names import RELEASED
    from perceiver_keras.errors import PerceiverError
    from perceiver_keras.tasks import official

    if repository := preset_of(weights):
        preset, weights = repository, source_of(weights, preset)
        if not any(task.name == task_name for task in registry.having(preset)):
            raise UsageError(f"{preset} is not a model for {task_name}.")
    if weights in ("deepmind", "huggingface"):
        released = [name for name in registry.get(task_name).presets if name in RELEASED]
        if not released:
            raise UsageError(f"{task_name} has no released model; name your own weights.")
        model = registry.get(task_name).model.from_preset(preset or released[0], weights=weights)
    else:
        check(weights)
        place = as_path(weights)
        if not place.exists():
            raise PerceiverError(
                f"{weights} does not exist; name a preset folder, an official file, deepmind or huggingface."
            )
        if (place / "task.json").is_file() or not official.is_official(place):
            return load_preset_folder(place, task_name)
        model = official.load_official(place)
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
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid {kind}: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(
            f"{path}: expected sections (data, model, train, evaluate), got {values!r}."
        )
    return values
