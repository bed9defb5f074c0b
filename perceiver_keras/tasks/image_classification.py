"""Pictures to classes (paper, section 4.5; SPEC: Released settings): the seven stages, top to bottom.

Inputs [B, H, W, C] float32, normalised; outputs logits [B, classes] float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import image
from perceiver_keras.errors import UsageError
from perceiver_keras.loss import SparseCrossEntropy
from perceiver_keras.tasks.image_model import ImageClassificationConfig, ImageClassifier
from perceiver_keras.tasks.image_presets import PRESETS
from perceiver_keras.tasks.task import Labels, Task
from perceiver_keras.tasks.top_labels import top_labels

# === Data: one stored example -> one (picture, class) ===


def feature_spec(config: ImageClassificationConfig) -> dict[str, Any]:
    return {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }


def check(features: Mapping[str, Any], config: ImageClassificationConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    encoded, label = features.get("image"), features.get("label")
    if not encoded:
        return "feature 'image' is missing or empty"
    if not label:
        return "feature 'label' is missing or empty"
    if not 0 <= label[0] < config.model.num_classes:
        return f"label {label[0]} is not in 0 to {config.model.num_classes - 1}"
    return image.check_image(encoded[0])


def check_dataset(labels: Labels | None, config: ImageClassificationConfig) -> None:
    classes = config.model.num_classes
    if labels is not None and len(labels) != classes:
        raise UsageError(
            f"Data set {config.data.dataset!r} has {len(labels)} classes but model.num_classes is {classes}; "
            f"add --set model.num_classes={len(labels)}."
        )


def prepare(
    features: Mapping[str, tf.Tensor],
    config: ImageClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Decode, augment (stateless, by `seed`), normalise: float32 [H, W, C] and the class, int64 []."""
    picture = to_input(features["image"], config, training, seed)
    return picture, features.get("label")


def to_input(
    encoded: tf.Tensor,
    config: ImageClassificationConfig,
    training: bool = False,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """An encoded picture as the model's input, float32 [H, W, C]."""
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


# === Loss and metrics ===


def loss(config: ImageClassificationConfig) -> keras.losses.Loss:
    return SparseCrossEntropy(label_smoothing=config.train.label_smoothing)


def metrics(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    """Of (classes, logits or probabilities): ranks are the same for both."""
    chosen = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if config.model.num_classes > 10:
        chosen.append(keras.metrics.SparseTopKCategoricalAccuracy(k=5, name="top_5_accuracy"))
    return chosen


def figures(
    logits: tf.Tensor, targets: tf.Tensor, config: ImageClassificationConfig
) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.nn.softmax(logits)}


def figure_metrics(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    return [*metrics(config), keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy")]


def baseline(dataset: tf.data.Dataset, config: ImageClassificationConfig) -> dict[str, float]:
    """The accuracy of always naming the commonest class."""
    counts = np.zeros(config.model.num_classes, np.int64)
    for _, targets in dataset:
        counts += np.bincount(targets.numpy(), minlength=len(counts))
    return {"accuracy": float(counts.max() / max(counts.sum(), 1))}


# === Serve ===


def serving_spec(config: ImageClassificationConfig) -> dict[str, tf.TensorSpec]:
    return {"image_bytes": tf.TensorSpec([None], tf.string)}


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: ImageClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """Encoded pictures, string [B] -> `probabilities` [B, classes], `label` string [B]."""
    pictures = tf.map_fn(
        lambda encoded: to_input(encoded, config),
        tf.convert_to_tensor(raw["image_bytes"]),
        fn_output_signature=tf.TensorSpec(
            [*config.model.image_size, config.model.channels], tf.float32
        ),
    )
    return respond(model(pictures, training=False), config, labels)


def respond(
    logits: tf.Tensor, config: ImageClassificationConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    probabilities = tf.nn.softmax(logits)
    names = tf.constant(labels or [str(i) for i in range(config.model.num_classes)])
    return {
        "probabilities": probabilities,
        "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
    }


def read(contents: Sequence[bytes]) -> dict[str, Any]:
    return {"image_bytes": np.array(contents, dtype=object)}


# === Show ===


def show(
    model: keras.Model,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    config: ImageClassificationConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Pictures for the report: predictions, the confusion matrix, what the latents attend to."""
    from perceiver_keras.show import attention, classification

    names = labels or [str(i) for i in range(config.model.num_classes)]
    logits, maps = model(inputs, training=False, return_attention=True)
    probabilities = tf.nn.softmax(logits).numpy()
    pictures = np.asarray(inputs) * config.data.std + config.data.mean  # 0 to 255
    truth = targets.numpy()
    return {
        "Right and wrong": classification.prediction_grid(pictures, truth, probabilities, names),
        "Confusion matrix": classification.confusion_matrix(truth, probabilities, names),
        "What the latents attend to": attention.attention_over_pictures(
            pictures, maps["encode"].numpy()
        ),
    }


TASK = Task(
    name="image_classification",
    summary="Pictures to classes: digits, ImageNet.",
    model_class=ImageClassifier,
    presets=PRESETS,
    feature_spec=feature_spec,
    label_key="label",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    loss=loss,
    metrics=metrics,
    figures=figures,
    figure_metrics=figure_metrics,
    prediction_key="probabilities",
    serving_spec=serving_spec,
    serve=serve,
    respond=respond,
    read=read,
    answer=top_labels,
    baseline=baseline,
    show=show,
    lower_is_better=("cross_entropy",),
)
