"""`perceiver export FOLDER OUT`: from a preset folder to a SavedModel, or to a file for another runtime."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.device import device_option
from perceiver_keras.commands.shared.output import answer, say, table, typed
from perceiver_keras.commands.shared.precision import precision_option
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.remote import check, is_remote
from perceiver_keras.tasks import registry

EXAMPLES = """\b
Examples:
  perceiver export runs/train_image_classification served/digits
  perceiver export runs/image_classification served/small_digits --precision bfloat16
  perceiver export runs/train_image_classification served/digits --attention
  perceiver export runs/image_classification digits.onnx --to onnx
  perceiver export runs/image_classification digits.tflite --to tflite --quantize dynamic
  saved_model_cli show --dir served/digits/VERSION --all
  tensorflow_model_server --rest_api_port=8501 --model_name=digits --model_base_path=$PWD/served/digits
"""


@click.command("export", epilog=EXAMPLES)
@click.argument("folder", type=options.AnyPath(), metavar="FOLDER")
@click.argument("out", type=options.AnyPath(), metavar="OUT")
@click.option(
    "--version",
    "version",
    type=click.IntRange(min=1),
    help="The number of the version.  [default: the Unix time in seconds, or above the newest in OUT]",
)
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="How many examples of the data set become warm-up requests; without it, one is made up. 0: none.",
)
@click.option(
    "--to",
    type=click.Choice(["savedmodel", "onnx", "tflite"]),
    default="savedmodel",
    show_default=True,
    help="The format; of onnx and tflite OUT is a file, and its answers are compared with the SavedModel's.",
)
@click.option(
    "--quantize",
    type=click.Choice(["dynamic"]),
    help="Of tflite: weights of eight bits; what that costs is measured on the test split.",
)
@click.option(
    "--attention",
    is_flag=True,
    help="Add the signature `attention`: what the latents attended to, as a map over the input.",
)
@precision_option
@device_option
@options.common_options
def command(
    folder: Path,
    out: Path,
    version: int | None,
    warmup: int,
    to: str,
    quantize: str | None,
    attention: bool,
) -> None:
    """Export the model in FOLDER to OUT/VERSION, completely or not at all.

    FOLDER is a run folder of `perceiver run` or `train`, or was written by `model.save_to_preset`;
    OUT is the folder that TensorFlow Serving watches. Signatures: serving_default (raw bytes),
    serving_examples, serving_tensors, evaluate. With --to onnx or tflite, OUT is a file with
    serving_tensors, and OUT.json says what it takes and how near its answers are.
    """
    folder_of_out = out if to == "savedmodel" else out.parent
    check(folder_of_out, writes=True)
    _can_be_a_folder(folder_of_out)
    if to != "savedmodel":
        _to_a_file(folder, out, to, quantize)
        return
    if quantize:
        raise UsageError("--quantize goes with --to tflite.")
    named = folder
    task, config, folder = options.read_preset_folder(named)
    if attention and task.serving.attended is None:
        having = [name for name in registry.names() if registry.get(name).serving.attended]
        raise UsageError(f"--attention: {task.name} has no such map; {', '.join(having)} have one.")

    from perceiver_keras.export import export_saved_model
    from perceiver_keras.serve import Servable
    from perceiver_keras.tasks import warm_up_examples
    from perceiver_keras.tasks.model import load

    model, about = load(folder), options.read_about(folder)

    target = out / str(version or next_version(out))
    if target.exists():
        raise PerceiverError(f"{target} exists; choose another --version.")
    found = warm_up_examples.of(task, config, warmup)
    if found.made_up_because:
        click.echo(f"{warm_up_examples.MADE_UP} {found.made_up_because}", err=True)
    out.mkdir(parents=True, exist_ok=True)
    export_saved_model(
        task,
        config,
        model,
        str(target),
        labels=model.labels,
        warmup=found.examples,
        preset=about.get("preset"),
        known=card_of(named),
        limits=found.limits,
        attention=attention,
    )
    signatures = {
        name: {"inputs": sorted(signature.inputs), "outputs": sorted(signature.outputs)}
        for name, signature in Servable(str(target)).signatures.items()
    }
    say(f"Exported to {target}")
    for name, ends in sorted(signatures.items()):
        say(f"  {name:<18} {', '.join(ends['inputs'])} → {', '.join(ends['outputs'])}")
    say(f"\nNext:\n  {typed('perceiver', 'predict', task.name, 'FILE', '--model', out)}")
    answer({"task": task.name, "saved_model": target, "signatures": signatures})


def _can_be_a_folder(place: Path) -> None:
    """Raises `UsageError` if `place`, or what it would be in, is a file on this machine: found before the work."""
    if is_remote(place):
        return
    there = next(one for one in (place, *place.absolute().parents) if one.exists())
    if not there.is_dir():
        raise UsageError(f"{there} is a file, not a folder; choose another OUT.")


def next_version(out: Path) -> int:
    """The Unix time in seconds, or one above the newest in `out` if that is larger: servers take the highest."""
    from perceiver_keras.saved_model import versions

    return max([int(time.time()), *(number + 1 for number in versions(str(out))[-1:])])


def card_of(folder: Path) -> dict[str, Any]:
    """The model card that a run folder's pushed version has; {} if there is none."""
    from perceiver_keras.show import model_card
    from perceiver_keras.tasks import run_folder

    if not run_folder.is_run_folder(folder):
        return {}
    pushed = run_folder.find(folder).saved_model
    try:
        return (
            dict(json.loads((pushed / model_card.JSON_FILE).read_text("utf-8"))) if pushed else {}
        )
    except (OSError, ValueError):
        return {}  # an older run, or it was cleaned


def _to_a_file(folder: Path, out: Path, to: str, quantize: str | None) -> None:
    """For another runtime; see `runtimes/`."""
    context = click.get_current_context()
    for name in ("version", "warmup", "precision", "attention"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise UsageError(f"--{name} goes with --to savedmodel, not with --to {to}.")
    if quantize and to != "tflite":
        raise UsageError(f"--quantize goes with --to tflite, not with --to {to}.")
    task, config, folder = options.read_preset_folder(folder)

    from perceiver_keras.runtimes import write
    from perceiver_keras.tasks.model import load

    write.check(out, to)
    model, about = load(folder), options.read_about(folder)
    known = write.write(
        task,
        config,
        model,
        out,
        to,
        labels=model.labels,
        preset=about.get("preset"),
        quantize=quantize,
        say=say,
    )
    compared, largest = known["compared"], known["compared"]["largest"]
    say(f"Exported to {out} ({known['bytes'] / 1e6:,.1f} MB)")
    for name, spec in known["inputs"].items():
        say(f"  takes    {name:<16} {spec}")
    for name, spec in known["outputs"].items():
        say(f"  returns  {name:<16} {spec}")
    for name, why in known["left_out"].items():
        say(f"  without  {name:<16} {why}")
    sizes = " and ".join(map(str, compared["batch_sizes"]))
    say(
        f"Largest difference to the SavedModel, batches of {sizes} ({compared['examples']}): "
        f"{largest['absolute']:.2g} in {largest['output']}, {largest['relative']:.2g} of its largest number "
        f"(limit {compared['limit']:g})"
    )
    if quantize:
        measured = known["metrics"]
        say(f"On {measured['examples']:,} examples of {measured['dataset']}, {measured['split']}:")
        rows = [
            (name, before, measured["after"][name]) for name, before in measured["before"].items()
        ]
        say(table(("METRIC", "MODEL", "FILE"), rows))
    answer({**known, "file": out})
