"""`perceiver convert IN OUT --to KIND`: official weights in and out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import answer, say
from perceiver_keras.convert.hub import preset_of
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.remote import as_path

EXAMPLES = """\b
Examples:
  perceiver convert imagenet_fourier_position_encoding.pystate imagenet --to keras
  perceiver convert vision-perceiver-fourier/ imagenet --to keras
  perceiver convert deepmind/vision-perceiver-fourier imagenet --to keras
  perceiver convert imagenet back.pystate --to deepmind
  perceiver convert imagenet served/imagenet/1 --to savedmodel
"""

KINDS = ("keras", "deepmind", "huggingface", "savedmodel")


@click.command("convert", epilog=EXAMPLES)
@click.argument("source", type=options.LocalName(), metavar="IN")
@click.argument("out", type=options.LocalPath(), metavar="OUT")
@click.option("--to", "kind", type=click.Choice(KINDS), required=True, help="The form of OUT.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="A size that the weights do not determine, e.g. model.process.num_blocks=2; repeatable.",
)
@options.common_options
def command(source: str, out: Path, kind: str, overrides: tuple[str, ...]) -> None:
    """Convert a model's weights; the kind of IN is recognized by its content.

    IN: a DeepMind pickle, a Hugging Face folder, .safetensors or .bin, a preset folder, or a repository
    of the hub. It is not trusted: no code in it is run. OUT: a preset folder (keras), a pickle (deepmind), a folder or
    .safetensors (huggingface), a SavedModel folder (savedmodel). Missing, extra or misshapen tensors
    are an error that lists them.
    """
    if not preset_of(source) and not as_path(source).exists():
        raise PerceiverError(
            f"{source} does not exist; name a file, a folder, or a repository of the hub."
        )
    if out.exists():
        raise PerceiverError(f"{out} exists; name a new file or folder.")
    sizes = dict(_size(assignment) for assignment in overrides)

    from perceiver_keras.progress import Progress

    with Progress(total=2, label="convert") as progress:
        progress.start()
        model = _load(source, sizes)
        progress.update(1)
        out.parent.mkdir(parents=True, exist_ok=True)
        _save(model, out, kind)
        progress.update(2)
    say(f"{type(model).__name__}, {model.count_params():,} parameters → {out} ({kind})")
    answer(
        {
            "model": type(model).__name__,
            "task": model.task_name,
            "parameters": model.count_params(),
            "kind": kind,
            "out": out,
        }
    )


def _size(assignment: str) -> tuple[str, Any]:
    """`model.process.num_blocks=2` in the form that `from_preset` takes: ("process__num_blocks", 2)."""
    key, equals, text = assignment.partition("=")
    key = key.replace("-", "_")
    if not equals or not key.startswith("model."):
        raise UsageError(
            f"--set {assignment}: write model.KEY=VALUE, e.g. model.image_size=[64,64]."
        )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    return key.removeprefix("model.").replace(".", "__"), value


def _load(source: str, sizes: dict[str, Any]) -> Any:
    place = as_path(source)
    if (place / "task.json").is_file():
        from perceiver_keras.tasks.model import load

        if sizes:
            raise UsageError(f"{source} is a preset folder, which has all its sizes; omit --set.")
        return load(place)
    from perceiver_keras.tasks import official

    if preset := preset_of(source):
        return official.model_of(official.read_weights(source, preset), **sizes)
    return official.load_official(place, **sizes)


def _save(model: Any, out: Path, kind: str) -> None:
    if kind == "keras":
        model.save_to_preset(out)
    elif kind == "savedmodel":
        from perceiver_keras.export import export_saved_model
        from perceiver_keras.tasks import registry, warm_up_examples

        task, config = registry.get(model.task_name), model.task_config
        found = warm_up_examples.of(task, config, prepare=False)
        export_saved_model(
            task,
            config,
            model,
            str(out),
            labels=model.labels,
            warmup=found.examples,
            limits=found.limits,
        )
    else:
        from perceiver_keras.tasks import official

        save = official.save_deepmind if kind == "deepmind" else official.save_huggingface
        save(model, out)
