"""`perceiver evaluate [TASK] FOLDER`: the metrics of a saved model on a split."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared import choose, dry_run, options
from perceiver_keras.commands.shared.device import device_option
from perceiver_keras.commands.shared.output import answer, say, show_metrics
from perceiver_keras.errors import UsageError
from perceiver_keras.remote import as_path, check
from perceiver_keras.tasks import registry

EXAMPLES = """\b
Examples:
  perceiver evaluate runs/image_classification
  perceiver evaluate image_classification FOLDER --split validation --json
  perceiver evaluate FOLDER --data new_pictures/
  perceiver evaluate FOLDER --set data.data_dir=/data
"""


@click.command("evaluate", epilog=EXAMPLES)
@click.argument("words", nargs=-1, required=True, metavar="[TASK] FOLDER")
@click.option(
    "--data",
    type=options.LocalName(),
    metavar="PATH",
    help="Your own files, with labels: all of them, or their test split if they have one.",
)
@click.option("--split", help="A TFDS split.  [default: the configuration's data.test_split]")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of data or evaluate, e.g. data.max_examples=100; repeatable.",
)
@device_option
@dry_run.dry_run_option
@options.common_options
def command(
    words: tuple[str, ...],
    data: str | None,
    split: str | None,
    overrides: tuple[str, ...],
    only_say: bool,
) -> None:
    """Measure the model in FOLDER on a split: its loss and metrics, each example counted once.

    FOLDER is a run folder of `perceiver run` or `train`, or was written by `model.save_to_preset`.
    The metrics of the trivial guess on the same examples are shown next to the model's.
    """
    task, folder = task_and_folder(words)
    if only_say:
        known = forecast(*options.read_preset_folder(folder, task, overrides), split)
        say("A dry run: nothing is evaluated.")
        for what, value in known.items():
            say(f"  {what:<14} {value}")
        answer(known)
        return
    the_task, model, config = options.load_preset_folder(folder, task, overrides)

    from perceiver_keras.evaluate import evaluate
    from perceiver_keras.tasks.batches import TaskData
    from perceiver_keras.training import fit_memory

    if data is not None:
        config = choose.judged_on(the_task, config, data, model, overrides)
    examples = TaskData(the_task, config)
    split = split or config.data.test_split
    if fit_memory.is_auto(config):
        most = fit_memory.Most(1, examples.records(split).num_examples)
        config = fit_memory.settle(the_task, config, most=most, training=False, say=say)
        examples = TaskData(the_task, config)
    with examples.explained(split):
        batches = examples.eval_batches(split)
        metrics = evaluate(the_task, config, model, batches, say)
        baseline = the_task.measures.baseline(batches, config)
    count = examples.records(split).num_examples
    say(f"{count:,} examples of {config.data.dataset}, split {split}")
    show_metrics(metrics, baseline)
    answer(
        {
            "task": the_task.name,
            "model": folder,
            "dataset": config.data.dataset,
            "split": split,
            "num_examples": count,
            "metrics": metrics,
            "baseline": baseline,
        }
    )


def forecast(task: Any, config: Any, folder: Path, split: str | None) -> dict[str, Any]:
    """What would be evaluated on which data; `num_examples` is None if the data set is not prepared yet."""
    split = split or config.data.test_split
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, test_split=split))
    data = dry_run.data_facts(task, config, None)
    return {
        "task": task.name,
        "model": folder,
        "dataset": data["dataset"],
        "split": split,
        "num_examples": data["splits"]["test"]["examples"],
        "batch_size": config.evaluate.batch_size,
    }


def task_and_folder(words: tuple[str, ...]) -> tuple[str | None, Path]:
    """(TASK, FOLDER), or (None, FOLDER) if only a folder is named.

    Raises:
      UsageError: there are more words, or the only word is a task.
    """
    if len(words) > 2:
        raise UsageError(f"{words[2]!r} is surplus; name one FOLDER, or TASK and FOLDER.")
    if len(words) == 2:
        return registry.canonical(words[0]), _place(words[1])
    if words[0].replace("-", "_") in registry.names() and not Path(words[0]).exists():
        raise UsageError(
            f"Missing FOLDER; write it as in perceiver evaluate {words[0]} runs/{words[0]}."
        )
    return None, _place(words[0])


def _place(word: str) -> Any:
    check(word)
    return as_path(word)
