"""Train a model that sees motion in photographs, save it, and draw the motion between two frames.

python examples/optical_flow.py                 # about six minutes on two CPU cores
python examples/optical_flow.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.data.store import source
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.show.flow import pair_sheet
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_flow"))
    args = parser.parse_args()

    task = registry.get("optical_flow")
    config = task.configure("tiny", overrides=[f"train.steps={args.steps}"])

    # Data: pairs of frames [B, 2, 16, 24, 3] and their flow with masks [B, 16, 24, 4].
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="flow") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )

    # Test. The trivial guess is no motion at all. `aepe` is the mean end-point error, in pixels.
    metrics = evaluate(task, config, trained.model, data.eval_batches("test"))
    trivial = task.measures.baseline(data.eval_batches("test"), config)
    for name, value in metrics.items():
        guess = f"(trivial guess: {trivial[name]:.3f})" if name in trivial else ""
        print(f"{name:20} {value:7.3f}  {guess}")

    # Save, load, ask.
    preset = trained.model.save_to_preset(args.folder / "preset", task_config=config)
    model = pk.load(preset)
    (record,) = source.take(data.records("test"), 1)
    pair = tf.io.parse_single_example(record, task.examples.spec(config))
    frames = [pair["frame1"].numpy(), pair["frame2"].numpy()]
    flow = model.predict_flow(*frames)  # of any size: encoded pictures, arrays or paths
    truth = np.frombuffer(pair["flow"].numpy(), "<f4").reshape(flow.shape)
    pictures = [tf.io.decode_image(frame).numpy() for frame in frames]
    pair_sheet(pictures, flow, truth).savefig(args.folder / "flow.png")
    print("the first test pair, drawn:", args.folder / "flow.png")


if __name__ == "__main__":
    main()
