"""Train a model that sees motion in photographs, save it, and draw what it says about two frames.

python examples/optical_flow.py                 # about six minutes on two CPU cores
python examples/optical_flow.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.config_tree import override
from perceiver_keras.data.store import source
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.show.flow import pair_sheet
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_flow"))
    args = parser.parse_args()

    # A task and its settings. Every key can be overridden; an unknown one names the nearest.
    task = registry.get("optical_flow")
    config = task.preset("tiny").config
    if args.steps is not None:
        config = override(config, f"train.steps={args.steps}", "train.warmup_steps=5")

    # Data: a TFDS builder's records, then batches of (frames [B, 2, 16, 24, 3], truth [B, 16, 24, 4]).
    data = TaskData(task, config)

    # Train. Run it again and it goes on from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="flow") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )
    found, nothing = (
        evaluate(task, config, trained.model, data.eval_batches("test")),
        task.measures.baseline(data.eval_batches("test"), config),
    )
    print(f"end-point error: {found['aepe']:.2f} px; of no motion at all {nothing['aepe']:.2f} px")

    # Save, load, ask about two frames of any size: arrays, encoded pictures or paths.
    model = pk.load(trained.model.save_to_preset(args.folder / "preset", task_config=config))
    record = source.take(data.records("test"), 1)[0]
    pair = tf.io.parse_single_example(record, task.examples.spec(config))
    frames = [pair["frame1"].numpy(), pair["frame2"].numpy()]
    flow = model.predict_flow(*frames)
    truth = np.frombuffer(pair["flow"].numpy(), "<f4").reshape(flow.shape)
    pictures = [tf.io.decode_image(frame).numpy() for frame in frames]
    pair_sheet(pictures, flow, truth).savefig(args.folder / "flow.png")
    print(f"the first test pair, drawn: {args.folder / 'flow.png'}")


if __name__ == "__main__":
    main()
