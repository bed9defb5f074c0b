"""`perceiver evaluate TASK FOLDER`: the metrics of a saved model on a split."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import answer, say, show_metrics

EXAMPLES = """\b
Examples:
  perceiver evaluate image_classification runs/train_image_classification/preset
  perceiver evaluate image_classification FOLDER --split validation --json
  perceiver evaluate image_classification FOLDER --set data.data_dir=/data
"""


@click.command("evaluate", epilog=EXAMPLES)
@options.task_argument
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--split", help="A TFDS split.  [default: the configuration's data.test_split]")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of data or evaluate, e.g. data.max_examples=100; repeatable.",
)
@options.common_options
def command(task: str, folder: Path, split: str | None, overrides: tuple[str, ...]) -> None:
    """Measure the model in FOLDER on a split: its loss and metrics, each example counted once.

    FOLDER was written by `perceiver train` or `model.save_to_preset`. The metrics of the trivial
    guess on the same examples are shown next to the model's.
    """
    the_task, model, config = options.load_preset_folder(folder, task, overrides)

    from perceiver_keras.evaluate import evaluate
    from perceiver_keras.tasks.batches import TaskData

    data = TaskData(the_task, config)
    split = split or config.data.test_split
    with data.explained(split):
        batches = data.eval_batches(split)
        metrics = evaluate(the_task, config, model, batches)
        baseline = the_task.measures.baseline(batches, config)
    count = data.records(split).num_examples
    say(f"{count:,} examples of {config.data.dataset}, split {split}")
    show_metrics(metrics, baseline)
    answer(
        {
            "task": task,
            "model": folder,
            "dataset": config.data.dataset,
            "split": split,
            "num_examples": count,
            "metrics": metrics,
            "baseline": baseline,
        }
    )
