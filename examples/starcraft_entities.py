"""Train StarCraft II's entity encoder, small, on simulated battles, save it, and ask it about some moments.

python examples/starcraft_entities.py                 # about two minutes on two CPU cores
python examples/starcraft_entities.py --steps 20      # a quick look
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
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_battles"))
    args = parser.parse_args()

    task = registry.get("starcraft_entities")
    config = task.configure("tiny", overrides=[f"train.steps={args.steps}"])

    # Data: units [B, 10, 9] with their mask, the target's row, and whether the acting side wins.
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="battles") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )

    # Test. The trivial guess is an enemy at random, and the commoner outcome.
    metrics = evaluate(task, config, trained.model, data.eval_batches("test"))
    trivial = task.measures.baseline(data.eval_batches("test"), config)
    for name, value in metrics.items():
        guess = f"(trivial guess: {trivial[name]:.3f})" if name in trivial else ""
        print(f"{name:20} {value:7.3f}  {guess}")

    # Save, load, ask.
    preset = trained.model.save_to_preset(args.folder / "preset", task_config=config)
    model = pk.load(preset)
    for record in source.take(data.records("test"), 3):
        example = tf.io.parse_single_example(record, task.examples.spec(config))
        units = example["entities"].numpy()[example["mask"].numpy() > 0]
        (answer,) = model.encode_entities([units])
        target, predicted = int(example["label"][0]), int(answer["pointer"].argmax())
        print(f"attacks unit {target}, predicted {predicted}; wins with {answer['winning']:.0%}")


if __name__ == "__main__":
    main()
