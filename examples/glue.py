"""Fine-tune one model on eight small tasks at once, from a masked language model's weights or from scratch.

python examples/glue.py                                         # from scratch, minutes on two CPU cores
python examples/glue.py --init runs/train_language_mlm/preset   # from what `perceiver train language_mlm` wrote
python examples/glue.py --steps 20                              # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

import perceiver_keras as pk
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--init", help="A preset folder of language_mlm.")
    parser.add_argument("--folder", type=Path, default=Path("runs/example_glue"))
    args = parser.parse_args()

    # `model.readout` picks a row of the paper's Table 2: one query per task, one token per task, or one for all.
    settings = [f"train.steps={args.steps}", "model.readout=query"]
    settings += [f"train.init={args.init}"] if args.init else []
    task = registry.get("glue")
    config = task.configure("tiny", overrides=settings)

    # Data: all tasks in one TFDS data set. `perceiver_glue/glue` is the real GLUE, from TFDS's glue/*.
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="glue") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / ("from_init" if args.init else "from_scratch"),
            progress=progress,
        )

    # Test. The trivial guess is always the commonest answer.
    metrics = evaluate(task, config, trained.model, data.eval_batches("test"))
    trivial = task.measures.baseline(data.eval_batches("test"), config)
    for name, value in metrics.items():
        guess = f"(trivial guess: {trivial[name]:.3f})" if name in trivial else ""
        print(f"{name:20} {value:7.3f}  {guess}")

    # Save, load, ask: one model answers for every task.
    preset = trained.model.save_to_preset(args.folder / "preset", task_config=config)
    model = pk.load(preset)
    asked = [
        ("cola", "the value of an is expression object"),
        ("rte", "the name of the func", "tion that was called"),
        ("stsb", "the length of the string", "the length of a list"),
    ]
    for request, answer in zip(asked, model.classify(asked, top=1), strict=True):
        print(*request, "->", answer)


if __name__ == "__main__":
    main()
