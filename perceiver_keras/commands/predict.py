"""`perceiver predict TASK ...`: a model's answers about your own files or sentences."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click

from perceiver_keras.client.failures import Unreachable
from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.device import device_option
from perceiver_keras.commands.shared.digests import digest, digest_of_files
from perceiver_keras.commands.shared.file_names import plain, shown
from perceiver_keras.commands.shared.output import answer, say
from perceiver_keras.commands.shared.predictions import Files, Result
from perceiver_keras.commands.shared.predictor import Predictor, from_server, without_spare
from perceiver_keras.convert.hub import SOURCES, preset_of
from perceiver_keras.errors import UsageError
from perceiver_keras.remote import local_copy

EXAMPLES = """\b
Examples:
  perceiver predict image_classification examples/samples/digit.png --model runs/digits
  perceiver predict image_classification photos/ 'more/*.jpg' --top 3 --json
  perceiver predict image_classification a.png -o answers.png --save answers.npz
  cat a.png | perceiver predict image_classification - --weights runs/train_image_classification/preset
  perceiver predict image_classification cat.jpg --weights imagenet_fourier.pystate
  perceiver predict optical_flow a.png b.png --weights optical_flow.pystate -o flow.png --save flow.flo
  perceiver predict optical_flow frames/ --weights huggingface -o pictures/ --save flows/
  perceiver predict language_mlm "This is an incomplete sentence where some words are [MASK]."
  perceiver predict image_classification photos/ --server localhost:8500 --model-name digits

\b
Files that can't be read or decoded are named, the others are answered, and
the exit code is then 1. A folder (-o pictures/, --save flows/) gets one file
per request, also where names are equal or too long; its index, the hidden
.answers.jsonl, says which is whose. Requests that the same model has
answered there are skipped, so a command that was stopped can be run again.
"""


@click.command("predict", epilog=EXAMPLES)
@options.task_argument
@click.argument("words", nargs=-1, metavar="FILES|TEXTS...")
@click.option(
    "--model",
    type=options.AnyPath(),
    metavar="FOLDER",
    help="A run folder, of which the newest blessed model is used; a SavedModel or a folder of versions."
    "  [default: runs/TASK/pushed]",
)
@click.option(
    "--weights",
    type=options.AnyName(),
    metavar="FILE|FOLDER",
    help="Instead of --model: a preset folder, as `perceiver train` writes it, or a run folder; official weights "
    "(a pickle, .safetensors, .bin); or deepmind or huggingface, which are downloaded once.",
)
@click.option(
    "--preset",
    help="Which released model, with --weights deepmind or huggingface; or a repository of the hub, such as "
    "deepmind/optical-flow-perceiver, with its weights.  [default: the task's first released one]",
)
@click.option(
    "--server",
    metavar="URL",
    help="Instead of --model: a model server, TensorFlow Serving or `perceiver serve`: HOST:PORT (gRPC) or "
    "http://HOST:PORT[/v1/models/NAME] (REST).",
)
@click.option(
    "--model-name",
    metavar="NAME",
    help="Which of the server's models.  [default: the one in the URL, or the only one]",
)
@click.option(
    "--labels",
    type=options.AnyPath(),
    metavar="FILE|FOLDER",
    help="The classes' names for a --server that does not tell them, as TensorFlow Serving: an export, or a text file "
    "with one per line.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How many answers per request.",
)
@click.option(
    "-o",
    "--out",
    type=options.LocalPath(path_type=None),
    help="A picture of the answers (.png), or a folder for one picture per request.",
)
@click.option(
    "--save",
    type=options.LocalPath(path_type=None),
    help="The numbers (.npz, .json, or a format of the task such as .flo), or a folder.",
)
@device_option
@options.common_options
def command(
    task: str,
    words: tuple[str, ...],
    model: Path | None,
    weights: str | None,
    preset: str | None,
    server: str | None,
    model_name: str | None,
    labels: Path | None,
    top: int,
    out: str | None,
    save: str | None,
) -> int:
    """Ask a model about FILES (files, folders, quoted globs, or - for standard input) or TEXTS.

    With --json the answers have the keys of Hugging Face's pipelines (`label`, `score`), one list
    entry per request.
    """
    named = {"--model": model, "--weights": weights, "--server": server}
    if len(given := [option for option, value in named.items() if value]) > 1:
        raise UsageError(f"{' and '.join(given)} name {len(given)} models; give one of them.")
    for option, value in (("--model-name", model_name), ("--labels", labels)):
        if value and not server:
            raise UsageError(f"{option} goes with --server.")
    if (released := preset_of(preset or "")) and not (model or server):
        # A file says itself what it is.
        weights = weights or "huggingface"
        preset = released if weights in SOURCES or preset_of(weights) else None
    elif preset and weights not in SOURCES:
        raise UsageError("--preset goes with --weights deepmind or --weights huggingface.")

    from perceiver_keras.tasks import registry

    the_task = registry.get(task)
    written = Files(the_task, out, save)
    asked = (Result(*request) for request in the_task.asking.requests(words))
    first = list(islice(asked, 2))  # wrong arguments are an error before any model is loaded
    written.check(words, first)
    if server:
        predictor = from_server(task, server, model_name, labels)
    elif weights:
        predictor = _from_weights(task, weights, preset)
    else:
        predictor = _from_folder(task, model)
    written.answered_by(predictor.name, lambda: digest((predictor.digest(), top)))

    results: list[Result] = []
    for batch in _batches(chain(first, asked), the_task.asking.at_once):
        new = [result for result in batch if not written.there(result)]
        _answer_all(predictor, new, top)
        for result in new:
            if not result.error:
                say(f"{shown(result.name)}\t{the_task.asking.line(result.answer)}")
                written.add(result)
            if result.error:
                result.error = _without_name(result)
                click.echo(f"{shown(result.name)}: {result.error}", err=True)
        results += new
    written.finish()
    good = [result for result in results if not result.error]
    bad = [result for result in results if result.error]
    answer(
        {
            "task": task,
            "model": predictor.name,
            "predictions": [
                {"file": plain(r.name), "answer": r.answer}
                | ({"written": r.written} if r.written else {})
                for r in good
            ],
            "errors": [{"file": plain(r.name), "error": r.error} for r in bad],
            "skipped": [plain(name) for name in written.skipped],
        }
    )
    return int(bool(bad))


def _from_folder(task_name: str, model: Path | None) -> Predictor:
    """From a SavedModel, a folder of versions, a preset folder or a run folder; or a repository of the hub."""
    from perceiver_keras.tasks import preset_folder, run_folder

    if model is not None and run_folder.is_run_folder(model):
        found = run_folder.find(model)
        click.echo(found.told, err=True)
        model = found.saved_model or found.preset
    if model is not None and preset_of(str(model)):
        return _from_weights(task_name, str(model), None)
    if model is not None and preset_folder.is_preset_folder(model):
        return _from_weights(task_name, str(model), None)
    return _from_saved_model(task_name, model)


def _from_saved_model(task_name: str, model: Path | None) -> Predictor:
    from perceiver_keras.serve import Servable
    from perceiver_keras.tasks import registry

    default = Path("runs") / task_name / "pushed"
    if model is None and not default.is_dir():
        raise UsageError(
            f"Name the model with --model or --weights; the default, {default}, does not exist. "
            f"`perceiver run {task_name}` creates it."
        )
    servable = Servable(str(model or default))
    about = servable.task
    if about.get("task", task_name) != task_name:
        raise UsageError(f"{servable.folder} is a model for {about['task']}, not for {task_name}.")

    folder, the_task = servable.folder, registry.get(task_name)
    return Predictor(
        *(the_task, str(folder), without_spare(the_task, servable), about.get("labels")),
        lambda: digest_of_files(local_copy(folder)),
    )


def _from_weights(task_name: str, weights: str, preset: str | None) -> Predictor:
    from perceiver_keras.config_tree import to_dict

    task, model, config = options.load_weights(weights, task_name, preset)
    return Predictor(
        *(task, weights, model.served, model.labels),
        lambda: digest([to_dict(config), model.labels, *model.get_weights()]),
    )


def _batches(requests: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := list(islice(requests, size)):
        yield batch


def _answer_all(predictor: Predictor, results: Sequence[Result], top: int) -> None:
    """Fills in every result; if the batch fails, each request is asked alone to find the bad ones."""
    readable = [result for result in results if not result.error]
    try:
        _fill(predictor, readable, top)
    except Unreachable:  # all others would wait for the server in vain
        raise
    except Exception:  # of TensorFlow, or of a task whose `pack` can't take some content
        for result in readable:
            try:
                _fill(predictor, [result], top)
            except Unreachable:
                raise
            except Exception as error:
                result.error = _why(error)


def _fill(predictor: Predictor, results: Sequence[Result], top: int) -> None:
    if not results:
        return
    raw = predictor.task.asking.pack([result.content for result in results])
    outputs = predictor.run(raw)
    answers = predictor.task.asking.answers(outputs, predictor.labels, top)
    for index, result in enumerate(results):
        result.answer = answers[index]
        result.numbers = {name: value[index] for name, value in outputs.items()}


def _why(error: Exception) -> str:
    from perceiver_keras.commands.shared.explain import explain

    words = re.sub(r"^the (picture|text|sound|request): ", "", explain(error)[0])
    if said := re.search(r"image cannot be decoded: ([^\]]+)", words):
        return said[1]  # what `check_image` would have said
    return "can't be decoded" if "image" in words.lower() and "decod" in words.lower() else words


def _without_name(result: Result) -> str:
    """The error without the request's name at its start, or ffmpeg's name of it: that is printed before it."""
    error = result.error.replace(f"file:{os.path.abspath(result.name)}: ", "")
    rest = error.removeprefix(result.name)
    of_file = "." in result.name or "/" in result.name
    if rest == error or not rest.startswith((": ", " ") if of_file else ": "):
        return error
    return rest.lstrip(": ")
