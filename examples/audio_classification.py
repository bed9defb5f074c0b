"""Train a model that says what is in a mixture of sounds, and ask it about some of them.

python examples/audio_classification.py                 # about one minute on two CPU cores
python examples/audio_classification.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.config_tree import override
from perceiver_keras.data.store import source
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_sounds"))
    args = parser.parse_args()

    task = registry.get("audio_classification")
    config = task.preset("tiny").config
    if args.steps is not None:
        config = override(config, f"train.steps={args.steps}", "train.warmup_steps=5")

    # Data: log-mel spectrograms [B, 40, 32, 1] and all that is in them, [B, 8] zeros and ones.
    data = TaskData(task, config)

    # Train. Run it again and it goes on from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="sounds") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )
    print("test:", evaluate(task, config, trained.model, data.eval_batches("test")))
    print("scores that say nothing:", task.measures.baseline(data.eval_batches("test"), config))

    # Save, load, ask.
    folder = trained.model.save_to_preset(
        args.folder / "preset", task_config=config, labels=data.labels
    )
    model = pk.load(folder)
    for record in source.take(data.records("test"), 3):
        example = tf.io.parse_single_example(record, task.examples.spec(config))
        there = [data.labels[i] for i in example["label"].numpy() if i >= 0]
        (answer,) = model.classify([example["audio"].numpy()], top=3)
        print(there, "->", ", ".join(f"{a['label']} {a['score']:.0%}" for a in answer))


if __name__ == "__main__":
    main()
