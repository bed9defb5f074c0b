"""Train a model that encodes clips and rebuilds them, save it, and have it rebuild some as videos with sound.

python examples/multimodal_autoencoding.py                 # about three minutes on two CPU cores
python examples/multimodal_autoencoding.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.data.store import source
from perceiver_keras.data.video.clips import Clip
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.tasks.multimodal_autoencoding.predict import video_of
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_clips"))
    args = parser.parse_args()

    task = registry.get("multimodal_autoencoding")
    config = task.configure("tiny", overrides=[f"train.steps={args.steps}"])

    # Data: clips [B, 4, 16, 16, 3] with sound [B, 1280, 1]; in training, also the output points to decode.
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="clips") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )

    # Test. The trivial guess is the mean picture, silence and the commonest label.
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
    for number, record in enumerate(source.take(data.records("test"), 3)):
        example = tf.io.parse_single_example(record, task.examples.spec(config))
        clip = Clip(tuple(example["frames"].numpy()), example["audio"].numpy())
        (rebuilt,) = model.autoencode([clip], top=1)
        video = args.folder / f"clip{number}.mp4"
        video.write_bytes(video_of(rebuilt))
        print("rebuilt as", video, "with the label", rebuilt["labels"][0])


if __name__ == "__main__":
    main()
