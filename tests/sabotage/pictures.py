"""A small data set of the user's own in colour, and what goes wrong with such folders in real life.

The pictures are scikit-learn's digits, orange ink on blue, enlarged to 16 x 16: `train/3/0017.png`. The digits of the
test split are always the same, so that no model was trained on one by which a later model is judged. The seed draws
which of the others are for validation, and all colours and noise.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tests.sabotage.runs import Product

SPLITS = ("train", "validation", "test")
TEST, VALIDATION = 600, 197  # of 1797
INK, GROUND = (230, 120, 40), (25, 40, 95)


def make(folder: Path, seed: int = 0) -> Path:
    """A clean folder: SPLIT/CLASS/NUMBER.png."""
    random = np.random.default_rng(seed)
    digits = load_digits()
    test, others = np.split(np.random.default_rng(0).permutation(len(digits.images)), [TEST])
    validation, train = np.split(random.permutation(others), [VALIDATION])
    for split, indices in zip(SPLITS, (train, validation, test), strict=True):
        for index in indices:
            place = folder / split / str(digits.target[index])
            place.mkdir(parents=True, exist_ok=True)
            picture(digits.images[index], random).save(place / f"{index:04}.png")
    return folder


def picture(digit: np.ndarray, random: np.random.Generator) -> Image.Image:
    """A digit, [8, 8] from 0 to 16, in colour."""
    share = (digit / 16.0)[..., None]
    ink, ground = (np.array(colour) + random.normal(0, 6, 3) for colour in (INK, GROUND))
    pixels = share * ink + (1 - share) * ground + random.normal(0, 2, (8, 8, 3))
    small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return small.resize((16, 16), Image.BILINEAR)


PICTURES = Product(
    task="image_classification",
    make=make,
    settings=(
        "train.steps=800",  # models of other seeds are equal after as many
        "train.evaluate_every=800",
        "train.checkpoint_every=800",
        "model.image_size=[12,12]",  # smaller than the pictures, so that resizing matters
    ),
)


# === What goes wrong: each takes a clean folder, and changes it in place ===


def labels_shuffled(folder: Path) -> None:
    """Every picture is filed under a class drawn at random."""
    random = np.random.default_rng(1)
    for split in SPLITS:
        paths = sorted((folder / split).glob("*/*.png"))
        classes = random.permutation([path.parent.name for path in paths])
        _move(
            {
                path: folder / split / name / path.name
                for path, name in zip(paths, classes, strict=True)
            }
        )


def classes_swapped(folder: Path) -> None:
    """What were threes are filed under 5, and fives under 3."""
    for split in SPLITS:
        three, five = (folder / split / name for name in "35")
        aside = three.with_name("aside")
        three.rename(aside)
        five.rename(three)
        aside.rename(five)


def class_missing(folder: Path) -> None:
    for split in SPLITS:
        shutil.rmtree(folder / split / "7")


def class_new(folder: Path) -> None:
    """Some of the ones are filed under a class that did not exist."""
    for split in SPLITS:
        ones = sorted((folder / split / "1").iterdir())
        (folder / split / "one").mkdir()
        _move({path: folder / split / "one" / path.name for path in ones[: len(ones) // 3]})


def class_renamed(folder: Path) -> None:
    for split in SPLITS:
        (folder / split / "4").rename(folder / split / "four")


def channels_swapped(folder: Path) -> None:
    """Written by a library that has blue first."""
    _redraw(folder, lambda pixels: pixels[..., ::-1])


def inverted(folder: Path) -> None:
    _redraw(folder, lambda pixels: 255 - pixels)


def half_of_test_in_train(folder: Path) -> None:
    """Half of the test split is copied into the training split."""
    for path in sorted((folder / "test").glob("*/*.png"))[::2]:
        shutil.copy(path, folder / "train" / path.parent.name / f"copy-{path.name}")


def only_zeros_in_test(folder: Path) -> None:
    for place in (folder / "test").iterdir():
        if place.name != "0":
            shutil.rmtree(place)


def _redraw(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for path in folder.glob("*/*/*.png"):
        pixels = np.asarray(Image.open(path))
        Image.fromarray(np.ascontiguousarray(change(pixels))).save(path)


def _move(places: dict[Path, Path]) -> None:
    """All at once: a new place may be the old one of another."""
    aside = {path.with_suffix(".moving"): new for path, new in places.items()}
    for path in places:
        path.rename(path.with_suffix(".moving"))
    for path, new in aside.items():
        path.rename(new)
