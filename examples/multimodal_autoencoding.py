"""Train a model that takes clips apart and puts them together again, and have it rebuild some as films with sound.

python examples/multimodal_autoencoding.py                 # about three minutes on two CPU cores
python examples/multimodal_autoencoding.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.config import override
from perceiver_keras.data import source
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import clips, registry
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
    builder = source.open_builder(config.data.dataset)
    labels = source.label_names(builder, task.label_key)

    def prepare(features, seed, *, training):
        return task.prepare(features, config, training, seed)

    train = source.train_batches(
        source.builder_records(builder, "train"),
        functools.partial(prepare, training=True),
        task.feature_spec(config),
        batch_size=config.data.batch_size,
        seed=config.train.seed,
        shuffle_buffer=config.data.shuffle_buffer,
    )
    validation, test = (
        source.eval_batches(
            source.builder_records(builder, split),
            functools.partial(prepare, training=False),
            task.feature_spec(config),
            batch_size=config.evaluate.batch_size,
        )
        for split in ("validation", "test")
    )

    # Train. Run it again and it goes on from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="clips") as progress:
        trained = fit(
            task, config, train, validation, state_dir=args.folder / "training", progress=progress
        )
    print("test:", evaluate(task, config, trained.model, test))
    print("the mean picture, silence, the commonest label:", task.baseline(test, config))

    # Save, load, ask.
    folder = trained.model.save_to_preset(args.folder / "preset", task_config=config, labels=labels)
    model = pk.load(folder)
    for number, record in enumerate(source.take(source.builder_records(builder, "test"), 3)):
        example = tf.io.parse_single_example(record, task.feature_spec(config))
        clip = clips.Clip(tuple(example["frames"].numpy()), example["audio"].numpy())
        (back,) = model.autoencode([clip], top=1)
        film = args.folder / f"clip{number}.mp4"
        film.write_bytes(clips.film_of(back))
        print(film, "said to be", back["labels"][0])


if __name__ == "__main__":
    main()
