"""Train a model that says what is in a mixture of sounds, save it, and ask it about some mixtures.

python examples/audio_classification.py                 # about one minute on two CPU cores
python examples/audio_classification.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.data.store import source
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_sounds"))
    args = parser.parse_args()

    task = registry.get("audio_classification")
    config = task.configure("tiny", overrides=[f"train.steps={args.steps}"])

    # Data: log-mel spectrograms [B, 40, 32, 1], and which of 8 sounds are in them: [B, 8], 0 or 1.
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="sounds") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )

    # Test. The trivial guess gives every sound the same score.
    metrics = evaluate(task, config, trained.model, data.eval_batches("test"))
    trivial = task.measures.baseline(data.eval_batches("test"), config)
    for name, value in metrics.items():
        guess = f"(trivial guess: {trivial[name]:.3f})" if name in trivial else ""
        print(f"{name:20} {value:7.3f}  {guess}")

    # Save, load, ask.
    preset = trained.model.save_to_preset(
        args.folder / "preset", task_config=config, labels=data.labels
    )
    model = pk.load(preset)
    for record in source.take(data.records("test"), 3):
        example = tf.io.parse_single_example(record, task.examples.spec(config))
        there = ", ".join(data.labels[i] for i in example["label"].numpy() if i >= 0)
        (answer,) = model.classify([example["audio"].numpy()], top=3)
        print(there, "->", ", ".join(f"{a['label']} {a['score']:.0%}" for a in answer))


if __name__ == "__main__":
    main()
