"""Which features of a data set hold the texts and the label: as the settings say, else by their names and types."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own.catalogue import opened, usual_splits
from perceiver_keras.data.own.texts import LABELS, PAIRS, TEXTS
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.tasks.text_classification.presets import TextClassificationConfig

MOST = 20_000  # training examples whose labels are looked at


def stored(config: TextClassificationConfig) -> tuple[str, ...]:
    """The names of the stored features: the text, the second text if there are pairs, and the label.

    The user's own files are stored under these names, whatever their columns are called.
    """
    data = config.data
    own = data.dataset.startswith(source.OWN)
    names = {"text": data.text, "text2": data.text2, "label": data.label}
    if not data.text2:
        del names["text2"]
    return tuple(key if own else name or key for key, name in names.items())


def stored_label(config: TextClassificationConfig) -> str:
    return stored(config)[-1]


def settings_of(config: TextClassificationConfig) -> dict[str, Any]:
    """The settings that the TFDS data set of a configuration determines, as a partial tree.

    For a data set of TFDS's catalogue these are its splits, the features with texts and label, the number of classes
    (for numbers 1, their mean and spread), and a threshold: the metric of the trivial guess. There are none if the data
    set is not on this machine.

    Raises:
      UsageError: TFDS has no such data set, or the features can't be found; the message lists those that there are.
    """
    data = config.data
    builder = opened(data)
    if builder is None:
        return {}
    features = flat(builder.info.features)
    texts, label = find(features, data, data.dataset)
    found: dict[str, Any] = {"text": texts[0], "label": label}
    if len(texts) == 2:
        found["text2"] = texts[1]
    if names := list(builder.info.splits):
        try:
            splits = usual_splits(names)
        except UsageError as error:
            raise UsageError(f"Data set {data.dataset!r} {error}") from None
        found |= {f"{split}_split": expression for split, expression in splits.items()}
    asked = data.train_split != "train"  # by the user, or by --data
    train = data.train_split if asked else found.get("train_split", "train")
    floating = features[label].tf_dtype.is_floating
    numbers = config.model.num_classes == 1 or floating
    values = labels(builder, train, label)
    found["label_type"] = "float32" if floating else "int64"
    tree: dict[str, Any] = {"data": found}
    if numbers:
        mean, std = (float(np.mean(values)), float(np.std(values))) if values else (0.0, 1.0)
        std = std if std > 0 else 1.0
        tree["model"] = {
            "num_classes": 1,
            "number_mean": round(mean, 6),
            "number_std": round(std, 6),
        }
        tree["evaluate"] = {"thresholds": Whole(pearson=0.1)}
        return tree
    known = getattr(features[label], "num_classes", None)
    if known is None and not values:
        return tree
    counts = np.bincount([int(value) for value in values if value >= 0], minlength=1)
    tree["model"] = {"num_classes": max(known or len(counts), 2)}
    if values:
        tree["evaluate"] = {
            "thresholds": {"accuracy": round(float(counts.max() / counts.sum()), 4)}
        }
    return tree


def flat(features: Any, prefix: str = "") -> dict[str, Any]:
    """{name: feature} of nested features, with the names under which examples store them, such as `data/review`."""
    found: dict[str, Any] = {}
    for name, feature in features.items() if hasattr(features, "items") else ():
        if isinstance(feature, tfds.features.FeaturesDict):
            found |= flat(feature, f"{prefix}{name}/")
        else:
            found[f"{prefix}{name}"] = feature
    return found


def find(features: Mapping[str, Any], data: Any, where: str) -> tuple[tuple[str, ...], str]:
    """(names of one or two texts, name of the label).

    Args:
      features: As `flat` returns them.
      data: Settings `text`, `text2`, `label`; None where the user has not said.
      where: The name of the data set, for error messages.

    Raises:
      UsageError: a setting names no such feature, or the features can't be told.
    """
    strings = [name for name, feature in features.items() if _is(feature, tf.string)]
    numeric = [n for n, f in features.items() if _is(f, *_NUMERIC)]
    has = f"It has {', '.join(f'{n} ({_kind(f)})' for n, f in features.items())}."
    for setting, known in (("text", strings), ("text2", strings), ("label", numeric)):
        name = getattr(data, setting)
        if name is not None and name not in known:
            what = "numbers or classes" if setting == "label" else "text"
            raise UsageError(
                f"data.{setting}: {where} has no feature {name!r} that holds {what}.{nearest(name, known)} {has}"
            )
    label = data.label or _label(features, numeric)
    if label is None:
        raise UsageError(f"Which feature of {where} is the label? Add --set data.label=NAME. {has}")
    if data.text:
        return tuple(filter(None, (data.text, data.text2))), label
    texts = _texts(strings)
    if texts is None:
        raise UsageError(f"Which feature of {where} is the text? Add --set data.text=NAME. {has}")
    return ((texts[0], data.text2) if data.text2 else texts), label


def labels(builder: Any, split: str, name: str) -> list[float]:
    """The labels of a split, at most `MOST`; without -1, which stands for a label that is not known."""
    found: list[float] = []
    for stored_example in itertools.islice(source.serialized_examples(builder, split), MOST):
        feature = tf.train.Example.FromString(stored_example).features.feature[name]
        found += getattr(feature, feature.WhichOneof("kind") or "int64_list").value
    return found


_NUMERIC = (
    *(tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.bool),
    *(tf.float16, tf.float32, tf.float64),
)


def _is(feature: Any, *types: tf.DType) -> bool:
    """Whether a feature is one value of one of these types."""
    return (
        isinstance(feature, tfds.features.Tensor)
        and feature.shape == ()
        and feature.tf_dtype in types
    )


def _kind(feature: Any) -> str:
    if isinstance(feature, tfds.features.ClassLabel):
        return f"{feature.num_classes} classes"
    return "text" if _is(feature, tf.string) else type(feature).__name__


def _named(names: Iterable[str], wanted: str) -> str | None:
    return next((name for name in names if name.rpartition("/")[2].lower() == wanted), None)


def _label(features: Mapping[str, Any], numeric: Sequence[str]) -> str | None:
    """By name; else the only one with classes; else the only number."""
    for wanted in LABELS:
        if (name := _named(numeric, wanted)) is not None:
            return name
    classes = [n for n in numeric if isinstance(features[n], tfds.features.ClassLabel)]
    for few in (classes, [n for n in numeric if not _is_id(n)]):
        if len(few) == 1:
            return few[0]
    return None


def _texts(strings: Sequence[str]) -> tuple[str, ...] | None:
    """A pair by name; else one by name; else the only one."""
    for first, second in PAIRS:
        both = (_named(strings, first), _named(strings, second))
        if None not in both:
            return both
    for wanted in TEXTS:
        if (name := _named(strings, wanted)) is not None:
            return (name,)
    free = [name for name in strings if not _is_id(name)]
    return (free[0],) if len(free) == 1 else None


def _is_id(name: str) -> bool:
    last = name.rpartition("/")[2].lower()
    return last in ("id", "idx", "index", "uid", "url", "key", "name") or last.endswith("_id")
