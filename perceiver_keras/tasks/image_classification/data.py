"""From a stored image to (image, class): float32 [H, W, C], normalised, and int64 []."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data import image, mixing
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.randaugment import randaugment
from perceiver_keras.data.seeds import fold_in
from perceiver_keras.data.store.batches import PLACE
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.examples import Examples, Labels
from perceiver_keras.tasks.image_classification.own_data import OWN_DATA, settings_of
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig
from perceiver_keras.tasks.shared.labels import check_num_classes
from perceiver_keras.tasks.shared.pictures import check_channels


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


def check_dataset(labels: Labels | None, config: ImageClassificationConfig) -> None:
    check_num_classes(labels, config)
    check_channels(config)
    channels = config.model.channels
    for name, values in (("mean", config.data.mean), ("std", config.data.std)):
        if len(values) not in (1, channels):
            raise UsageError(
                f"data.{name} has {len(values)} numbers, and model.channels is {channels}; give one number per channel."
            )


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor],
    config: ImageClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Decodes, augments (in training, from `seed` alone), normalises: float32 [H, W, C] and the class, int64 [].

    With `data.mixing`, two stored examples make one in training; its target is the share of each class,
    float32 [classes].
    """
    if training and config.data.mixing != "none":
        return _mixed(features, config, seed)
    picture = to_input(features["image"], config, training, seed)
    return picture, features.get("label")


def joined(config: ImageClassificationConfig) -> int:
    return 1 if config.data.mixing == "none" else 2


def _mixed(
    features: Mapping[str, tf.Tensor], config: ImageClassificationConfig, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """One picture of two stored ones, and the shares of their classes; the first half of a batch is blended."""
    data = config.data
    seeds = [fold_in(seed, number) for number in range(3)]
    pictures = tf.stack([to_input(features["image"][i], config, True, seeds[i]) for i in range(2)])

    def blended() -> tuple[tf.Tensor, tf.Tensor]:
        return mixing.mixup(pictures, seeds[2], data.mixup_alpha)

    def boxed() -> tuple[tf.Tensor, tf.Tensor]:
        return mixing.cutmix(pictures, seeds[2])

    if data.mixing == "both":
        picture, share = tf.cond(features[PLACE] < 0.5, blended, boxed)
    else:
        picture, share = blended() if data.mixing == "mixup" else boxed()
    classes = tf.one_hot(features["label"], config.model.num_classes)
    return picture, share * classes[0] + (1.0 - share) * classes[1]


CROPPED = ("inception", "randaugment")


def takes_the_middle(config: ImageClassificationConfig) -> bool:
    """Whether the model sees the middle square of a picture in evaluation and serving, or all of it."""
    size = config.model.image_size
    return config.data.augment in CROPPED and size[0] == size[1]


def to_input(
    encoded: tf.Tensor,
    config: ImageClassificationConfig,
    training: bool = False,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """An encoded image, string [], as the model's input, float32 [H, W, C]."""
    data, size, channels = config.data, config.model.image_size, config.model.channels
    cropped = data.augment in CROPPED
    if cropped and training:
        change = _changed(config, seed) if data.augment == "randaugment" else None
        pixels = image.decode_random_crop_flip(encoded, channels, size, seed, change)
    elif takes_the_middle(config):
        pixels = image.central_crop(image.decode_image(encoded, channels), size[0])
    else:
        pixels = image.resize(image.decode_image(encoded, channels), size)
        if training and data.augment == "affine":
            pixels = image.random_affine(pixels, data.degrees, data.scale, data.shift, seed)
    return image.normalise(pixels, data.mean, data.std)


def _changed(config: ImageClassificationConfig, seed: tf.Tensor) -> image.Change:
    """RandAugment; what it measures in pixels is meant for pictures of 224, and shrinks with smaller ones."""
    data = config.data
    scale = min(1.0, min(config.model.image_size) / 224)
    own = fold_in(seed, 2)  # the crop draws from the seed itself, the flip from its first part
    return lambda pixels: randaugment(
        pixels, own, data.randaugment_layers, data.randaugment_magnitude, scale
    )


def kinds(config: ImageClassificationConfig) -> dict[str, Kind]:
    return {"image": "picture", "label": "label"}


EXAMPLES = Examples(
    spec=spec,
    label_key="label",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    kinds=kinds,
    own_data=OWN_DATA,
    settings_of=settings_of,
    joined=joined,
)
