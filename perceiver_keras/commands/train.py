"""`perceiver train TASK`: straight from TFDS to a preset folder, without the pipeline."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perceiver_keras.commands.shared import choose, dry_run, options
from perceiver_keras.commands.shared.device import device_option
from perceiver_keras.commands.shared.output import answer, say, show_metrics, typed
from perceiver_keras.config import STARTS_FIRST
from perceiver_keras.config_tree import from_dict, to_dict
from perceiver_keras.errors import PerceiverError
from perceiver_keras.remote import check

if TYPE_CHECKING:
    from perceiver_keras.config import TaskConfig
    from perceiver_keras.tasks.task import Task
    from perceiver_keras.train import Trained
    from perceiver_keras.training.workers import Workers

EXAMPLES = """\b
Examples:
  perceiver train image_classification
  perceiver train image_classification --set train.steps=500 --run-dir runs/short
  perceiver train image_classification --data my_pictures/
  perceiver train image_classification --config mine.yaml --seed 7 --json
  perceiver train image_classification --dry-run
  perceiver launch --workers 2 -- train image_classification

\b
Run the same command again to resume from the newest checkpoint in
RUN_DIR/training. `perceiver evaluate`, `export` and `predict` take the trained
model when RUN_DIR is named.
"""


@click.command("train", epilog=EXAMPLES)
@options.task_argument
@options.config_options
@click.option(
    "--run-dir",
    type=options.AnyPath(),
    help="Folder for checkpoints, TensorBoard logs and the trained model.  [default: runs/train_TASK]",
)
@device_option
@dry_run.dry_run_option
@options.common_options
def command(
    task: str,
    preset: str,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    data: str | None,
    init: str | None,
    seed: int | None,
    run_dir: Path | None,
    only_say: bool,
) -> None:
    """Train TASK on its TFDS data set, or on your own files, and save the model as a preset folder."""
    from perceiver_keras.tasks import registry

    the_task = registry.get(task)
    run_dir = run_dir or Path("runs") / f"train_{task}"
    check(run_dir, writes=not only_say)
    with contextlib.ExitStack() as stack:
        # Workers and TPUs come before anything is read: what `--data` and `--init` bring is no strategy.
        layers = options.read_config_files(config_files)
        known = the_task.configure(preset, layers, overrides, seed).train
        workers = None
        if known.strategy in STARTS_FIRST and not only_say:
            from perceiver_keras.training.workers import join

            workers = stack.enter_context(join(known))
        chosen = choose.choose(the_task, preset, config_files, overrides, seed, data, init)
        _train(the_task, preset, overrides, seed, chosen, run_dir, only_say, workers)


def _train(
    task: Task,
    preset: str,
    overrides: tuple[str, ...],
    seed: int | None,
    chosen: choose.Chosen,
    run_dir: Path,
    only_say: bool,
    workers: Workers | None,
) -> None:
    from perceiver_keras.progress import Progress
    from perceiver_keras.tasks.batches import TaskData
    from perceiver_keras.train import fit
    from perceiver_keras.training import checkpoint, fit_memory, warm_start
    from perceiver_keras.training.run_settings import run_settings

    config, chief = chosen.config, workers is None or workers.is_chief
    warm_start.check(task, config, chosen.start)
    if only_say:
        known = dry_run.facts(task, chosen, preset, overrides, seed)
        dry_run.show(known, config)
        answer(known)
        return
    if chief and not fit_memory.is_auto(config):
        settings = run_settings(task, config, workers.count if workers else 1)
        checkpoint.check_settings(run_dir / "training", settings)
    choose.prepare(chosen)
    examples = TaskData(task, config)
    if fit_memory.is_auto(config):
        if chief:
            known = (task.configure(preset, chosen.layers), task.preset(preset).config)
            splits = (config.data.train_split, config.data.validation_split)
            counts = [examples.records(split).num_examples for split in splits]
            most = fit_memory.limits(known, *counts)
            folder = run_dir / "training"
            config = fit_memory.settle(task, config, most=most, folder=folder, say=say)
        if workers is not None:
            config = from_dict(task.config_class, workers.from_chief(to_dict(config)))
        examples = TaskData(task, config)
    with (
        examples.explained(config.data.train_split),
        Progress(total=config.train.steps, label=task.name, quiet=not chief) as progress,
    ):
        trained = fit(
            task,
            config,
            examples.training_data(),
            examples.eval_batches(config.data.validation_split),
            state_dir=run_dir / "training",
            log_dir=run_dir / "logs",
            progress=progress,
            labels=examples.labels,
            workers=workers,
        )
    if chief:
        _tell(task, config, trained, run_dir, preset, examples.labels)


def _tell(
    task: Task,
    config: TaskConfig,
    trained: Trained,
    run_dir: Path,
    preset: str,
    labels: list[str] | None,
) -> None:
    """Saves the model and says what was done; with several workers, the chief does it for all."""
    folder = trained.model.save_to_preset(
        run_dir / "preset", task_config=config, preset=preset, labels=labels
    )
    last = trained.history[-1] if trained.history else {}
    show_metrics({name: value for name, value in last.items() if name.startswith("val_")})
    resumed = f" (resumed from step {trained.resumed_from})" if trained.resumed_from else ""
    say(f"{trained.steps:,} steps{resumed}, {trained.seconds:.1f} s, seed {config.train.seed}")
    say(f"  model     {folder}\n  logs      {run_dir / 'logs'}")
    if trained.evaluation_error:
        raise PerceiverError(
            f"The model is trained and saved in {folder}, but its evaluation failed: "
            f"{trained.evaluation_error} The same command evaluates it again, without training."
        )
    say(f"\nNext:\n  {typed('perceiver', 'evaluate', run_dir)}")
    say(f"  {typed('perceiver', 'export', run_dir, 'served')}")
    answer(
        {
            "task": task.name,
            "preset": preset,
            "seed": config.train.seed,
            "steps": trained.steps,
            "seconds": trained.seconds,
            "resumed_from": trained.resumed_from,
            "last": last,
            "model": folder,
        }
    )
