"""Train a model that takes clips apart and puts them together again, and have it rebuild some as films with sound.

python examples/multimodal_autoencoding.py                 # about three minutes on two CPU cores
python examples/multimodal_autoencoding.py --steps 20      # a quick look
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
from perceiver_keras.tasks.shared import clips
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_clips"))
    args = parser.parse_args()

    task = registry.get("multimodal_autoencoding")
    config = task.preset("tiny").config
    if args.steps is not None:
        config = override(config, f"train.steps={args.steps}", "train.warmup_steps=5")

    # Data: clips [B, 4, 16, 16, 3] with sound [B, 1280, 1]; in training with the points that are asked for.
    data = TaskData(task, config)

    # Train. Run it again and it goes on from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="clips") as progress:
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
        "the mean picture, silence, the commonest label:",
        task.measures.baseline(data.eval_batches("test"), config),
    )

    # Save, load, ask.
    folder = trained.model.save_to_preset(
        args.folder / "preset", task_config=config, labels=data.labels
    )
    model = pk.load(folder)
    for number, record in enumerate(source.take(data.records("test"), 3)):
        example = tf.io.parse_single_example(record, task.examples.spec(config))
        clip = clips.Clip(tuple(example["frames"].numpy()), example["audio"].numpy())
        (back,) = model.autoencode([clip], top=1)
        film = args.folder / f"clip{number}.mp4"
        film.write_bytes(clips.film_of(back))
        print(film, "said to be", back["labels"][0])


if __name__ == "__main__":
    main()
