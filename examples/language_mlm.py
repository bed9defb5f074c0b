"""Train a masked language model on bytes of Python's documentation, save it, and let it fill in gaps.

python examples/language_mlm.py                 # minutes on two CPU cores
python examples/language_mlm.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

import perceiver_keras as pk
from perceiver_keras.config_tree import override
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5500)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_language"))
    args = parser.parse_args()

    # data.masking=words hides whole words, data.dataset=text_folder reads files of your own.
    task = registry.get("language_mlm")
    config = override(task.preset("tiny").config, f"train.steps={args.steps}")
    data = TaskData(task, config)
    with Progress(total=config.train.steps, label="language") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )
    trivial = task.measures.baseline(data.eval_batches("test"), config)
    for name, value in evaluate(task, config, trained.model, data.eval_batches("test")).items():
        print(f"{name:16} {value:7.3f}   trivial {trivial.get(name, float('nan')):7.3f}")
    print(f"a table of n-grams on both sides: {trivial['ngram_accuracy']:.3f} right")

    # Save, load, ask: one [MASK] for each byte that is missing.
    model = pk.load(trained.model.save_to_preset(args.folder / "preset", task_config=config))
    [candidates] = model.fill_mask(["Return the len[MASK]th of the list."], top=3)
    for candidate in candidates:
        print(f"{candidate['score']:.3f}  {candidate['sequence']}")


if __name__ == "__main__":
    main()
