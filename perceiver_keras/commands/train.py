"""`perceiver train TASK`: straight from TFDS to a preset folder, without the pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import answer, say, show_metrics

EXAMPLES = """\b
Examples:
  perceiver train image_classification
  perceiver train image_classification --set train.steps=500 --run-dir runs/short
  perceiver train image_classification --config mine.yaml --seed 7 --json

\b
Run the same command again to resume from the newest checkpoint in
RUN_DIR/training. `perceiver evaluate`, `export` and `predict` take the trained
model in RUN_DIR/preset.
"""


@click.command("train", epilog=EXAMPLES)
@options.task_argument
@options.config_options
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="Folder for checkpoints, TensorBoard logs and the trained model.  [default: runs/train_TASK]",
)
@options.common_options
def command(
    task: str,
    preset: str,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    seed: int | None,
    run_dir: Path | None,
) -> None:
    """Train TASK on its TFDS data set and save the model as a preset folder."""
    from perceiver_keras.tasks import registry

    the_task = registry.get(task)
    config = options.resolve(the_task, preset, config_files, overrides, seed)
    run_dir = run_dir or Path("runs") / f"train_{task}"

    from perceiver_keras.progress import Progress
    from perceiver_keras.tasks.batches import TaskData
    from perceiver_keras.train import fit

    data = TaskData(the_task, config)
    with (
        data.explained(config.data.train_split),
        Progress(total=config.train.steps, label=task) as progress,
    ):
        trained = fit(
            the_task,
            config,
            data.train_batches(),
            data.eval_batches(config.data.validation_split),
            state_dir=run_dir / "training",
            log_dir=run_dir / "logs",
            progress=progress,
            labels=data.labels,
        )
    folder = trained.model.save_to_preset(
        run_dir / "preset", task_config=config, preset=preset, labels=data.labels
    )
    last = trained.history[-1] if trained.history else {}
    show_metrics({name: value for name, value in last.items() if name.startswith("val_")})
    resumed = f" (resumed from step {trained.resumed_from})" if trained.resumed_from else ""
    say(f"{trained.steps:,} steps{resumed}, {trained.seconds:.1f} s, seed {config.train.seed}")
    say(f"  model     {folder}\n  logs      {run_dir / 'logs'}")
    say(f"\nNext:\n  perceiver evaluate {task} {folder}\n  perceiver export {folder} served")
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
