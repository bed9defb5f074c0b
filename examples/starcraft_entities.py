"""Train StarCraft II's entity encoder, small, on simulated battles, and ask it about some moments.

python examples/starcraft_entities.py                 # about two minutes on two CPU cores
python examples/starcraft_entities.py --steps 20      # a quick look
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
    parser.add_argument("--folder", type=Path, default=Path("runs/example_battles"))
    args = parser.parse_args()

    task = registry.get("starcraft_entities")
    config = task.preset("tiny").config
    if args.steps is not None:
        config = override(config, f"train.steps={args.steps}", "train.warmup_steps=5")

    # Data: units [B, 10, 9] with their mask, the target's row and whether the side wins.
    data = TaskData(task, config)

    # Train. Run it again and it goes on from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="battles") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )
    print("test:", evaluate(task, config, trained.model, data.eval_batches("test")))
    print(
        "an enemy at random, the commoner outcome:",
        task.measures.baseline(data.eval_batches("test"), config),
    )

    # Save, load, ask.
    folder = trained.model.save_to_preset(args.folder / "preset", task_config=config)
    model = pk.load(folder)
    for record in source.take(data.records("test"), 3):
        example = tf.io.parse_single_example(record, task.examples.spec(config))
        units = example["entities"].numpy()[example["mask"].numpy() > 0]
        (answer,) = model.encode_entities([units])
        said, true = int(answer["pointer"].argmax()), int(example["label"][0])
        print(f"attacks unit {true}, said to be {said}; wins with {answer['winning']:.0%}")


if __name__ == "__main__":
    main()
