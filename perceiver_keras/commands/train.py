"""`perceiver train TASK`: straight from TFDS to a preset folder, without the pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared import choose, dry_run, options
from perceiver_keras.commands.shared.device import device_option
from perceiver_keras.commands.shared.output import answer, say, show_metrics
from perceiver_keras.errors import PerceiverError

EXAMPLES = """\b
Examples:
  perceiver train image_classification
  perceiver train image_classification --set train.steps=500 --run-dir runs/short
  perceiver train image_classification --data my_pictures/
  perceiver train image_classification --config mine.yaml --seed 7 --json
  perceiver train image_classification --dry-run

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
    type=click.Path(path_type=Path),
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
    chosen = choose.choose(the_task, preset, config_files, overrides, seed, data, init)
    config = chosen.config
    run_dir = run_dir or Path("runs") / f"train_{task}"

    from perceiver_keras.progress import Progress
    from perceiver_keras.tasks.batches import TaskData
    from perceiver_keras.train import fit
    from perceiver_keras.training import fit_memory, warm_start

    warm_start.check(the_task, config, chosen.start)
    if only_say:
        known = dry_run.facts(the_task, chosen, preset, overrides, seed)
        dry_run.show(known, config)
        answer(known)
        return
    choose.prepare(chosen)
    examples = TaskData(the_task, config)
    if fit_memory.is_auto(config):
        known = (the_task.configure(preset, chosen.layers), the_task.preset(preset).config)
        splits = (config.data.train_split, config.data.validation_split)
        counts = [examples.records(split).num_examples for split in splits]
        most = fit_memory.limits(known, *counts)
        folder = run_dir / "training"
        config = fit_memory.settle(the_task, config, most=most, folder=folder, say=say)
        examples = TaskData(the_task, config)
    with (
        examples.explained(config.data.train_split),
        Progress(total=config.train.steps, label=task) as progress,
    ):
        trained = fit(
            the_task,
            config,
            examples.train_batches(),
            examples.eval_batches(config.data.validation_split),
            state_dir=run_dir / "training",
            log_dir=run_dir / "logs",
            progress=progress,
            labels=examples.labels,
        )
    folder = trained.model.save_to_preset(
        run_dir / "preset", task_config=config, preset=preset, labels=examples.labels
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
    say(f"\nNext:\n  perceiver evaluate {run_dir}\n  perceiver export {run_dir} served")
    answer(
        {
            "task": task,
            "preset": preset,
            "seed": config.train.seed,
            "steps": trained.steps,
            "seconds": trained.seconds,
            "resumed_from": trained.resumed_from,
            "last": last,
            "model": folder,
        }
    )
