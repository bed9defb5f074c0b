"""Train a classifier on real handwritten digits, save it, and ask it about some of them.

python examples/image_classification.py                 # about two minutes on two CPU cores
python examples/image_classification.py --steps 20      # a quick look
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
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_digits"))
    args = parser.parse_args()

    # A task and its settings. Every key can be overridden; a misspelt one names the nearest.
    task = registry.get("image_classification")
    config = task.configure("tiny", overrides=[f"train.steps={args.steps}"])

    # Data: a TFDS builder's records, then batches of (pictures [B, 8, 8, 1], classes [B]).
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="digits") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )

    # Test. The trivial guess is always the commonest class.
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
        (answer,) = model.classify([example["image"].numpy()], top=3)
        guesses = ", ".join(f"{guess['label']} {guess['score']:.1%}" for guess in answer)
        print("a digit that is a", data.labels[int(example["label"])], "->", guesses)


if __name__ == "__main__":
    main()
