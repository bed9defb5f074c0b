"""The user's own pictures: what lies there, and the settings that fit it."""

from __future__ import annotations

from typing import Any

from perceiver_keras import config as c
from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own import catalogue, pictures
from perceiver_keras.tasks.contract.own_data import OwnData
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig
from perceiver_keras.tasks.shared.labels import trivial_accuracy

MOST_PIXELS = 64  # a side of what a small model sees
MOST_ELEMENTS = 256  # that its stem makes of a picture


def settings(found: Any, config: ImageClassificationConfig) -> dict[str, Any]:
    """Classes and threshold; for a small model also size, channels and the values' mean and spread.

    A preset of ImageNet's recipe crops pictures of any size to its own, which its positions and weights belong to.
    """
    tree: dict[str, Any] = {
        "model": {"num_classes": len(found.labels)},
        "evaluate": {"thresholds": Whole({"accuracy": trivial_accuracy(found)})},
    }
    crops = config.data.augment == "inception" or (
        config.data.augment == "randaugment" and max(config.model.image_size) > MOST_PIXELS
    )
    if crops:
        return tree
    measured = found.measured
    height, width = measured["median"]
    scale = min(1.0, MOST_PIXELS / max(height, width))
    stem, channels = config.model.stem, measured["channels"]
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    if isinstance(stem, c.PatchStem):
        patch = stem.spatial_downsample
        while -(-size[0] // patch) * -(-size[1] // patch) > MOST_ELEMENTS:
            patch *= 2
        size = tuple(max(2, round(side / patch)) * patch for side in size)
        tree["model"]["stem"] = {"kind": "PatchStem", "spatial_downsample": patch}
    tree["model"] |= {"image_size": size, "channels": channels}
    shift = config.data.shift * min(size) / min(config.model.image_size)
    mean = tuple(round(value, 2) for value in measured["mean"][:channels])
    std = tuple(round(max(value, 1.0), 2) for value in measured["std"][:channels])
    tree["data"] = {"mean": mean, "std": std, "shift": round(shift, 2)}
    return tree


def settings_of(config: ImageClassificationConfig) -> dict[str, Any]:
    """What a TFDS data set determines: its splits, and the same as of the user's own pictures.

    Nothing if it is not on this machine, or if it is not made of pictures with one label.

    Raises:
      UsageError: TFDS has no data set of that name, or it has nothing to train on.
    """
    data = config.data
    if catalogue.opened(data) is None:
        return {}
    found = catalogue.look(data.dataset, data.data_dir, "label", pictures.measure_examples)
    if not found.labels:
        return {}
    tree = settings(found, config)
    return tree | {"data": tree.get("data", {}) | catalogue.split_settings(found.splits)}


OWN_DATA = OwnData(look=pictures.look, settings=settings, measure=pictures.measure_examples)
