"""Train a masked language model on bytes of Python's documentation, save it, and let it fill in gaps.

python examples/language_mlm.py                 # minutes on two CPU cores
python examples/language_mlm.py --steps 20      # a quick look
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
    parser.add_argument("--steps", type=int, default=7500)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_language"))
    args = parser.parse_args()

    # `data.masking=words` would hide whole words.
    task = registry.get("language_mlm")
    config = task.configure("tiny", overrides=[f"train.steps={args.steps}"])

    # Data: texts as bytes [B, 64], some of them masked. `data.dataset=text_folder` would read your own files.
    data = TaskData(task, config)

    # Train. Run the script again to resume from the newest checkpoint in the folder.
    with Progress(total=config.train.steps, label="language") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )

    # Test. The trivial guess is always the commonest byte.
    metrics = evaluate(task, config, trained.model, data.eval_batches("test"))
    trivial = task.measures.baseline(data.eval_batches("test"), config)
    for name, value in metrics.items():
        guess = f"(trivial guess: {trivial[name]:.3f})" if name in trivial else ""
        print(f"{name:20} {value:7.3f}  {guess}")
    print(f"a table of n-grams on both sides: {trivial['ngram_accuracy']:.3f} right")

    # Save, load, ask: one [MASK] for each missing byte.
    preset = trained.model.save_to_preset(args.folder / "preset", task_config=config)
    model = pk.load(preset)
    (candidates,) = model.fill_mask(["Return the len[MASK]th of the list."], top=3)
    for candidate in candidates:
        print(f"{candidate['score']:.3f}  {candidate['sequence']}")


if __name__ == "__main__":
    main()
