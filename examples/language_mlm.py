"""Train a masked language model on bytes of Python's documentation, save it, and let it fill in gaps.

python examples/language_mlm.py                 # minutes on two CPU cores
python examples/language_mlm.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

import perceiver_keras as pk
from perceiver_keras.config import override
from perceiver_keras.data import source
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_language"))
    args = parser.parse_args()

    # data.masking=words hides whole words, data.dataset=text_folder reads files of your own.
    task = registry.get("language_mlm")
    config = override(task.preset("tiny").config, f"train.steps={args.steps}")
    builder = source.open_builder(config.data.dataset)

    def prepare(features, seed, *, training):
        return task.prepare(features, config, training, seed)

    def batches(split: str):
        return source.eval_batches(
            source.builder_records(builder, split),
            functools.partial(prepare, training=False),
            task.feature_spec(config),
            batch_size=256,
        )

    train = source.train_batches(
        source.builder_records(builder, "train"),
        functools.partial(prepare, training=True),
        task.feature_spec(config),
        batch_size=config.data.batch_size,
        seed=config.train.seed,
        shuffle_buffer=config.data.shuffle_buffer,
        joined=config.data.documents_per_example,
    )
    with Progress(total=config.train.steps, label="language") as progress:
        trained = fit(
            task,
            config,
            train,
            batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )
    trivial = task.baseline(batches("test"), config)
    for name, value in evaluate(task, config, trained.model, batches("test")).items():
        print(f"{name:16} {value:7.3f}   trivial {trivial.get(name, float('nan')):7.3f}")
    print(f"a table of n-grams on both sides: {trivial['ngram_accuracy']:.3f} right")

    # Save, load, ask: one [MASK] for each byte that is missing.
    model = pk.load(trained.model.save_to_preset(args.folder / "preset", task_config=config))
    [candidates] = model.fill_mask(["Return the len[MASK]th of the list."], top=3)
    for candidate in candidates:
        print(f"{candidate['score']:.3f}  {candidate['sequence']}")


if __name__ == "__main__":
    main()
