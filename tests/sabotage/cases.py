"""Every sabotage: what is done, where it must be stopped, and a word that the reason must have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.sabotage import models, pictures, sounds, texts
from tests.sabotage.models import Good
from tests.sabotage.pictures import PICTURES
from tests.sabotage.runs import Product
from tests.sabotage.sounds import SOUNDS
from tests.sabotage.texts import PASSAGES, PIECES


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that goes wrong in real life.

    Attributes:
      what: In words.
      product: What it is done to.
      data: Changes a copy of the data.
      new_data: Whether the data is another draw than the good run's.
      model: Writes what takes the place of the trained model.
      weaker_first: Whether the last blessed model is that of `WEAKER`, so that the mean rises.
      overrides: Settings that differ.
      seed: Of the training.
      stopped_at: The component that must refuse; None: the model must be pushed.
      words: Of which the reason must have one.
    """

    what: str
    product: Product = PICTURES
    data: Callable[[Path], None] | None = None
    new_data: bool = True
    model: Callable[[Good, Path], None] | None = None
    weaker_first: bool = False
    overrides: tuple[str, ...] = ()
    seed: int = 0
    stopped_at: str | None = "Gate"
    words: tuple[str, ...] = ()


WEAKER = ("train.steps=130",)


def _data(
    what: str, change: Callable[[Path], None], *words: str, product: Product = PICTURES
) -> Case:
    return Case(what=what, product=product, data=change, stopped_at="ExampleValidator", words=words)


def _model(
    what: str, make: Callable[[Good, Path], None], *words: str, product: Product = PICTURES
) -> Case:
    return Case(what=what, product=product, model=make, words=words)


def _unchanged(data: Path) -> None:
    """Another draw is all that differs."""


def clean(number: int, product: Product = PICTURES) -> Case:
    """New data and another seed, which must be pushed."""
    kind = "" if product is PICTURES else f" of {product.task}"
    return Case(
        what=f"clean data {number}{kind}",
        product=product,
        data=_unchanged,
        seed=number,
        stopped_at=None,
    )


# Of pictures that the accepted data has, the labels are known; of new ones, the last blessed model is the only witness.
LABELS = [
    Case(
        what=f"{what}, {'new pictures' if new else 'the same pictures'}",
        data=change,
        new_data=new,
        stopped_at="Gate" if new else "ExampleValidator",
        words=("far worse",) if new else ("another label",),
    )
    for what, change in (
        ("labels shuffled", pictures.labels_shuffled),
        ("two classes swapped", pictures.classes_swapped),
    )
    for new in (False, True)
]
DATA = [
    *LABELS,
    _data("a class missing", pictures.class_missing, "'7'"),
    _data("a new class", pictures.class_new, "'one'"),
    _data("a class renamed", pictures.class_renamed, "'four'"),
    _data("channels swapped", pictures.channels_swapped, "image/red", "image/blue", "image/warmth"),
    _data("pictures inverted", pictures.inverted, "image/"),
    _data("half of test in train", pictures.half_of_test_in_train, "same", "leak"),
    _data("test split of one class", pictures.only_zeros_in_test, "are of the class"),
    _data("sounds recorded at half the rate", sounds.half_rate, "audio/rate", product=SOUNDS),
    _data(
        "a header that says half the rate", sounds.half_rate_in_header, "audio/rate", product=SOUNDS
    ),
    _data(
        "half the rate under the old header",
        sounds.half_rate_under_old_header,
        "audio/seconds",
        "audio/centroid",
        product=SOUNDS,
    ),
    _data("text in another script", texts.cyrillic, "'Cyrillic'", product=PASSAGES),
]
MODELS = [
    Case(what="training cut after ten steps", overrides=("train.steps=10",), seed=3),
    _model("a NaN among the weights", models.nan_in_weights, "finite", "NaN"),
    _model("weights of another training", models.weights_of_another_training, "model → answer"),
    _model("a model of another task", models.of_another_task, "text_classification"),
    Case(
        what="a model of another task and its export",
        model=models.of_another_task_whole,
        stopped_at="Evaluator",
        words=("text_classification",),
    ),
    _model("label order changed, names alone", models.names_in_another_order, "class 0 is '9'"),
    _model("label order changed, model and names", models.model_of_another_order, "class 0 is '9'"),
    _model(
        "a vocabulary from an older run",
        texts.older_vocabulary,
        "model's input 'ids'",
        product=PIECES,
    ),
    _model("a lost output", models.lost_output, "label"),
    _model("ten times slower", models.ten_times_slower, "max_slowdown"),
    _model("resized otherwise in serving", models.resized_otherwise, "model input"),
    _model("channels swapped in serving", models.channels_swapped, "model input"),
    _model("one class forgotten", models.forgets_a_class, "label=3"),
    Case(
        what="one class fell while the mean rose",
        model=models.forgets_a_class,
        weaker_first=True,
        words=("label=3",),
    ),
]
CLEAN = [
    Case(what="the same model again", model=models.unchanged, stopped_at=None),
    Case(what="an equal model, another seed", seed=1, stopped_at=None),
    *(clean(1, product) for product in (SOUNDS, PASSAGES, PIECES)),
]
