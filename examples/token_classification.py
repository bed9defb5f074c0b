"""Train a model that tags each byte of Python's source code as Python's tokenizer does, save it, and tag a line.

python examples/token_classification.py                 # minutes on two CPU cores
python examples/token_classification.py --steps 20      # a quick look
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
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_tokens"))
    args = parser.parse_args()

    task = registry.get("token_classification")
    config = task.configure("tiny", overrides=[f"train.steps={args.steps}"])

    # Data: texts as bytes [B, 64] and a tag for each byte.
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="tokens") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )

    # Test. The trivial guess is always the commonest tag.
    metrics = evaluate(task, config, trained.model, data.eval_batches("test"))
    trivial = task.measures.baseline(data.eval_batches("test"), config)
    for name, value in metrics.items():
        guess = f"(trivial guess: {trivial[name]:.3f})" if name in trivial else ""
        print(f"{name:20} {value:7.3f}  {guess}")

    # Save, load, ask.
    preset = trained.model.save_to_preset(args.folder / "preset", task_config=config)
    model = pk.load(preset)
    (entities,) = model.tag(["for i in range(10): total += i  # a sum"])
    for entity in entities:
        print(f"  {entity['entity']:10} {entity['score']:6.1%}  {entity['word']}")


if __name__ == "__main__":
    main()
