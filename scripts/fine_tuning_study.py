"""The numbers of docs/fine_tuning.md: fine-tuning against training from scratch, and class balance, on real digits.

python scripts/fine_tuning_study.py few_shot    # half of the classes, then ten pictures of each of the others
python scripts/fine_tuning_study.py balance     # half of the classes have a twentieth of the pictures
python scripts/fine_tuning_study.py few_shot --seeds 1 --shrink 100    # a quick look
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.store import source
from perceiver_keras.data.store.records import Records, builder_records, file_records, take
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import eval_batches, train_batches
from perceiver_keras.train import Trained, fit
from perceiver_keras.training import fine_tuning, warm_start

TASK = registry.get("image_classification")
OLD, NEW = range(5), range(5, 10)  # digits
PER_CLASS = 10
RARE = 20  # by which the pictures of half of the classes are divided
Pair = tuple[bytes, int]  # an encoded picture and its digit


def digits(splits: str) -> list[Pair]:
    """Real 8x8 digits in a fixed order that has nothing to do with the classes."""
    builder = source.open_builder("perceiver_digits")
    spec = TASK.examples.spec(TASK.preset("tiny").config)
    found = [
        tf.io.parse_single_example(example, spec)
        for example in take(builder_records(builder, splits), 10_000)
    ]
    pairs = [(example["image"].numpy(), int(example["label"])) for example in found]
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[i] for i in order]


def first_of_each(
    pairs: Iterable[Pair], most: Callable[[int], int]
) -> tuple[list[Pair], list[Pair]]:
    """(the first `most(digit)` pictures of each digit, the rest)."""
    chosen, rest, counts = [], [], dict.fromkeys(range(10), 0)
    for pair in pairs:
        counts[pair[1]] += 1
        (chosen if counts[pair[1]] <= most(pair[1]) else rest).append(pair)
    return chosen, rest


def write(path: Path, pairs: Iterable[Pair], classes: Sequence[int]) -> Records:
    """The pictures of some digits as a file of examples, whose class is the place in `classes`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
        for image, digit in pairs:
            if digit in classes:
                feature = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
                    "label": tf.train.Feature(
                        int64_list=tf.train.Int64List(value=[classes.index(digit)])
                    ),
                }
                features = tf.train.Features(feature=feature)
                writer.write(tf.train.Example(features=features).SerializeToString())
    return file_records(str(path))


def train(
    config: TaskConfig, records: Records, unseen: Records, folder: Path, classes: Sequence[int]
) -> Trained:
    with Progress(total=config.train.steps, label=folder.name) as progress:
        return fit(
            TASK,
            config,
            train_batches(TASK, config, records),
            eval_batches(TASK, config, unseen),
            state_dir=folder,
            progress=progress,
            labels=[str(digit) for digit in classes],
        )


def configured(init: Path | None, shrink: int, *overrides: str, classes: int = 5) -> TaskConfig:
    """As `perceiver train image_classification --init INIT --set ...` has it."""
    layers = []
    if init is not None:
        start = warm_start.read(str(init))
        config = TASK.configure("tiny")
        layers = [
            ("recipe", fine_tuning.recipe(TASK, "tiny", config)),
            ("start", fine_tuning.from_start(start, TASK, "tiny", config)),
            ("init", {"train": {"init": str(init)}}),
        ]
    config = TASK.configure("tiny", layers, (f"model.num_classes={classes}", *overrides))
    steps = -(-config.train.steps // shrink)
    every = max(steps // 8, 1)
    return TASK.configure(
        "tiny", layers,
        (f"model.num_classes={classes}", *overrides, f"train.steps={steps}",
         f"train.evaluate_every={every}", "evaluate.thresholds={}"),
    )  # fmt: skip


def curve(trained: Trained) -> list[tuple[int, float]]:
    """(step, accuracy on unseen pictures)."""
    return [(row["step"], row["val_accuracy"]) for row in trained.history if "val_accuracy" in row]


def few_shot(folder: Path, seeds: int, shrink: int) -> dict[str, list[list[tuple[int, float]]]]:
    """Per way of starting and seed, the accuracy on unseen pictures of the new digits while training goes on."""
    pictures = digits("train")
    few, rest = first_of_each([p for p in pictures if p[1] in NEW], lambda digit: PER_CLASS)
    known = write(folder / "old.gz", pictures, OLD)
    new = write(folder / "few.gz", few, NEW)
    unseen = write(folder / "unseen.gz", rest + digits("validation+test"), NEW)
    kept = write(folder / "kept.gz", digits("validation+test"), OLD)
    curves: dict[str, list] = {"fine-tuned": [], "from scratch": []}
    for seed in range(seeds):
        place, of_seed = folder / f"seed_{seed}", f"train.seed={seed}"
        config = configured(None, shrink, of_seed)
        before = train(config, known, kept, place / "pretrained", OLD)
        init = before.model.save_to_preset(
            place / "preset", task_config=config, preset="tiny", labels=[str(d) for d in OLD]
        )
        runs = {
            "fine-tuned": configured(init, shrink, of_seed),
            "from scratch": configured(None, shrink, of_seed),
        }
        for name, config in runs.items():
            trained = train(config, new, unseen, place / name.replace(" ", "_"), NEW)
            curves[name].append(curve(trained))
            print(f"seed {seed}  {name:22} {curves[name][-1][-1][1]:.4f}", flush=True)
    return curves


def balance(folder: Path, seeds: int, shrink: int) -> dict[str, list[list[tuple[int, float]]]]:
    """The same for all digits, where the pictures of the new ones are rare in training and not in the test."""
    pictures = digits("train")
    common = len([p for p in pictures if p[1] in OLD]) // 5
    few, _ = first_of_each(pictures, lambda digit: common // RARE if digit in NEW else common)
    records = write(folder / "imbalanced.gz", few, range(10))
    unseen = write(folder / "unseen.gz", digits("validation+test"), range(10))
    curves: dict[str, list] = {"none": [], "oversample": []}
    for seed in range(seeds):
        for name in curves:
            settings = (f"train.seed={seed}", f"data.balance={name}", "train.steps=1200")
            config = configured(None, shrink, *settings, classes=10)
            trained = train(config, records, unseen, folder / f"{name}_{seed}", range(10))
            curves[name].append(curve(trained))
            print(f"seed {seed}  data.balance={name:12} {curves[name][-1][-1][1]:.4f}", flush=True)
    return curves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=["few_shot", "balance"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shrink", type=int, default=1, help="Divides the steps of all runs.")
    parser.add_argument("--folder", type=Path, default=Path("runs/fine_tuning_study"))
    args = parser.parse_args()
    study = {"few_shot": few_shot, "balance": balance}[args.study]
    curves = study(args.folder / args.study, args.seeds, args.shrink)
    (args.folder / args.study / "curves.json").write_text(json.dumps(curves, indent=1))
    print(f"\n{'accuracy on unseen pictures':28} {'mean':>6}  by seed")
    for name, of_seeds in curves.items():
        last = [points[-1][1] for points in of_seeds]
        print(f"{name:28} {np.mean(last):6.3f}  {'  '.join(f'{value:.3f}' for value in last)}")


if __name__ == "__main__":
    main()
