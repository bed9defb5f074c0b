"""Train a classifier on real handwritten digits, save it, and ask it about pictures.

python examples/image_classification.py                 # about two minutes on two CPU cores
python examples/image_classification.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

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
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_digits"))
    args = parser.parse_args()

    # A task and its settings. Every key can be overridden; an unknown one names the nearest.
    task = registry.get("image_classification")
    config = override(task.preset("tiny").config, f"train.steps={args.steps}", "train.seed=1")

    # Data: a TFDS builder's records, then batches of (pictures [B, 8, 8, 1], classes [B]).
    data = TaskData(task, config)

    # Train. Run it again and it goes on from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="digits") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )
    print("test:", evaluate(task, config, trained.model, data.eval_batches("test")))
    print("the commonest class:", task.measures.baseline(data.eval_batches("test"), config))

    # Save, load, ask.
    folder = trained.model.save_to_preset(
        args.folder / "preset", task_config=config, labels=data.labels
    )
    model = pk.load(folder)
    record = source.take(data.records("test"), 1)[0]
    import tensorflow as tf

    example = tf.io.parse_single_example(record, task.examples.spec(config))
    print("a digit that is a", data.labels[int(example["label"])], "is said to be:")
    for guess in model.classify([example["image"].numpy()], top=3)[0]:
        print(f"  {guess['label']}  {guess['score']:.1%}")


if __name__ == "__main__":
    main()
