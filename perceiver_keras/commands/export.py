"""`perceiver export FOLDER OUT`: from a preset folder to a SavedModel for TensorFlow Serving."""

from __future__ import annotations

import time
from pathlib import Path

import click

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.device import device_option
from perceiver_keras.commands.shared.output import answer, say
from perceiver_keras.commands.shared.precision import precision_option
from perceiver_keras.errors import PerceiverError

EXAMPLES = """\b
Examples:
  perceiver export runs/train_image_classification served/digits
  perceiver export runs/image_classification served/small_digits --precision bfloat16
  saved_model_cli show --dir served/digits/VERSION --all
  tensorflow_model_server --rest_api_port=8501 --model_name=digits --model_base_path=$PWD/served/digits
"""


@click.command("export", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.option(
    "--version",
    "version",
    type=click.IntRange(min=1),
    help="The number of the version.  [default: the Unix time in seconds]",
)
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="How many examples of the data set become warm-up requests; 0: none.",
)
@precision_option
@device_option
@options.common_options
def command(folder: Path, out: Path, version: int | None, warmup: int) -> None:
    """Export the model in FOLDER to OUT/VERSION, completely or not at all.

    FOLDER is a run folder of `perceiver run` or `train`, or was written by `model.save_to_preset`;
    OUT is the folder that TensorFlow Serving watches. Signatures: serving_default (raw bytes),
    serving_examples, serving_tensors, evaluate.
    """
    task, config, folder = options.read_preset_folder(folder)

    from perceiver_keras.export import export_saved_model
    from perceiver_keras.serve import Servable
    from perceiver_keras.tasks.model import load

    model, about = load(folder), options.read_about(folder)

    target = out / str(version or int(time.time()))
    if target.exists():
        raise PerceiverError(f"{target} exists; choose another --version.")
    examples = _examples(task, config, warmup) if warmup else []
    out.mkdir(parents=True, exist_ok=True)
    export_saved_model(
        task,
        config,
        model,
        str(target),
        labels=model.labels,
        warmup=examples,
        preset=about.get("preset"),
    )
    signatures = {
        name: {"inputs": sorted(signature.inputs), "outputs": sorted(signature.outputs)}
        for name, signature in Servable(str(target)).signatures.items()
    }
    say(f"Exported to {target}")
    for name, ends in sorted(signatures.items()):
        say(f"  {name:<18} {', '.join(ends['inputs'])} → {', '.join(ends['outputs'])}")
    say(f"\nNext:\n  perceiver predict {task.name} FILE --model {out}")
    answer({"task": task.name, "saved_model": target, "signatures": signatures})


def _examples(task, config, count: int) -> list[bytes]:
    """Serialized examples for warm-up requests; none, and a message, if the data set is not available."""
    from perceiver_keras.data.store import source
    from perceiver_keras.tasks.batches import TaskData

    try:
        return source.take(TaskData(task, config).records(config.data.test_split), count)
    except PerceiverError as error:
        click.echo(f"Without warm-up requests: {error}", err=True)
        return []
