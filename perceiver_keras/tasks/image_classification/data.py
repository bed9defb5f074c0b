"""From a stored image to (image, class): float32 [H, W, C], normalised, and int64 []."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.data import image
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.tasks.contract.examples import Examples
from perceiver_keras.tasks.image_classification.own_data import OWN_DATA, settings_of
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig
from perceiver_keras.tasks.shared.labels import check_num_classes


def spec(config: ImageClassificationConfig) -> dict[str, Any]:
    return {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }


def check(features: Mapping[str, Any], config: ImageClassificationConfig) -> str | None:
    """Why a stored example can't be used; None if it can."""
    encoded, label = features.get("image"), features.get("label")
    if not encoded:
        return "feature 'image' is missing or empty"
    if not label:
        return "feature 'label' is missing or empty"
    if not 0 <= label[0] < config.model.num_classes:
        return f"label {label[0]} is not in 0 to {config.model.num_classes - 1}"
    return image.check_image(encoded[0])


def prepare(
    features: Mapping[str, tf.Tensor],
    config: ImageClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Decodes, augments (in training, from `seed` alone), normalises: float32 [H, W, C] and the class, int64 []."""
    picture = to_input(features["image"], config, training, seed)
    return picture, features.get("label")


def to_input(
    encoded: tf.Tensor,
    config: ImageClassificationConfig,
    training: bool = False,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """An encoded image, string [], as the model's input, float32 [H, W, C]."""
    data, size, channels = config.data, config.model.image_size, config.model.channels
    if data.augment == "inception" and training:
        pixels = image.decode_random_crop_flip(encoded, channels, size[0], seed)
    elif data.augment == "inception":
        pixels = image.central_crop(image.decode_image(encoded, channels), size[0])
    else:
        pixels = image.resize(image.decode_image(encoded, channels), size)
        if training and data.augment == "affine":
            pixels = image.random_affine(pixels, data.degrees, data.scale, data.shift, seed)
    return image.normalise(pixels, data.mean, data.std)


def kinds(config: ImageClassificationConfig) -> dict[str, Kind]:
    return {"image": "picture", "label": "label"}


EXAMPLES = Examples(
    spec=spec,
    label_key="label",
    check=check,
    check_dataset=check_num_classes,
    prepare=prepare,
    kinds=kinds,
    own_data=OWN_DATA,
    settings_of=settings_of,
)
