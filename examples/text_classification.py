"""Train a model that tells the subject of a passage of Python's standard library, save it, and ask it about some.

python examples/text_classification.py                 # minutes on two CPU cores
python examples/text_classification.py --steps 20      # a quick look
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

QUESTIONS = (
    "Return the square root of the decimal, rounded as the context says.",
    "Draw a circle with the pen and turn left.",
    "Extract all members from the archive to the current directory.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_texts"))
    args = parser.parse_args()

    task = registry.get("text_classification")
    config = task.configure("tiny", overrides=[f"train.steps={args.steps}"])

    # Data: texts as bytes [B, 64] and a class for each.
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="texts") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
            labels=data.labels,
        )

    # Test. The trivial guess is always the commonest class.
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
    for text, answer in zip(QUESTIONS, model.classify(QUESTIONS, top=3), strict=True):
        guesses = ", ".join(f"{guess['label']} {guess['score']:.1%}" for guess in answer)
        print(text, "->", guesses)


if __name__ == "__main__":
    main()
