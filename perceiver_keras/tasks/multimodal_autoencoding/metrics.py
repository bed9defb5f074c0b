"""A weighted loss of pixels, samples and label; PSNR of video and sound in dB, accuracy of the label."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.buckets import by_class
from perceiver_keras.metrics import calibration
from perceiver_keras.metrics.columns import ColumnRatio, of_outputs
from perceiver_keras.metrics.results import results_of
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.multimodal_autoencoding.presets import MultimodalAutoencodingConfig


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ClipLoss(keras.losses.Loss):
    """The weighted sum of the mean absolute errors of pixels and samples and the label's cross-entropy (paper, App. I).

    Call: targets and outputs {"image": [B, ..., C], "audio": [B, S], "label": integers [B] and logits [B, classes]}
    -> float32 [B].
    """

    def __init__(
        self,
        image_weight: float,
        audio_weight: float,
        label_weight: float,
        name: str = "clip_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.weights = {"image": image_weight, "audio": audio_weight, "label": label_weight}

    @unconverted
    def call(self, y_true: Mapping[str, tf.Tensor], y_pred: Mapping[str, tf.Tensor]) -> tf.Tensor:
        labels = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.cast(y_true["label"], tf.int64), logits=y_pred["label"]
        )
        errors = {"label": labels} | {
            name: tf.reduce_mean(tf.abs(_rows(y_true[name]) - _rows(y_pred[name])), axis=1)
            for name in ("image", "audio")
        }
        return tf.add_n([self.weights[name] * errors[name] for name in errors])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {f"{k}_weight": w for k, w in self.weights.items()}


def loss(config: MultimodalAutoencodingConfig) -> keras.losses.Loss:
    t = config.train
    return ClipLoss(t.image_weight, t.audio_weight, t.label_weight)


METRICS = ("video_psnr", "audio_psnr", "accuracy")


@unconverted
def columns(targets: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [B, 49]: the numbers of `_parts`, and how sure the model was of the label."""
    sure = calibration.of_logits(outputs["label"], targets["label"])
    return tf.concat([_parts(targets, outputs), sure], axis=-1)


def _parts(targets: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [B, 4]: PSNR of video and of audio in dB (peak 1), 1 if the label is right, and 1."""
    right = tf.equal(tf.argmax(outputs["label"], axis=-1), tf.cast(targets["label"], tf.int64))
    right = tf.cast(right, tf.float32)
    video_psnr, audio_psnr = (
        _psnr(_rows(targets[name]), _rows(outputs[name])) for name in ("image", "audio")
    )
    return tf.stack([video_psnr, audio_psnr, right, tf.ones_like(right)], axis=-1)


def _psnr(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Two [B, n] -> [B]: -10 log10 of the mean squared error, at most 100."""
    error = tf.reduce_mean(tf.math.squared_difference(target, output), axis=1)
    return -10.0 / math.log(10.0) * tf.math.log(tf.maximum(error, 1e-10))


def _rows(array: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.cast(array, tf.float32), [tf.shape(array)[0], -1])


def column_metrics(config: MultimodalAutoencodingConfig) -> list[keras.metrics.Metric]:
    return [*_ratios(), calibration.ColumnCalibrationError(len(METRICS) + 1)]


def _ratios() -> list[ColumnRatio]:
    return [ColumnRatio(i, len(METRICS), name) for i, name in enumerate(METRICS)]


def metrics(config: MultimodalAutoencodingConfig) -> list[keras.metrics.Metric]:
    return of_outputs(_ratios(), _parts)


def baseline(dataset: tf.data.Dataset, config: MultimodalAutoencodingConfig) -> dict[str, float]:
    """Always answers the mean clip of the data set, silence, and its commonest label."""
    m = config.model
    total = np.zeros([m.num_frames, *m.image_size, m.channels])
    counts = np.zeros(m.num_classes, np.int64)
    for _, targets in dataset:
        total += targets["image"].numpy().sum(0)
        counts += np.bincount(targets["label"].numpy(), minlength=m.num_classes)
    mean = (total / max(counts.sum(), 1)).astype(np.float32)

    def guesses() -> Iterator[tf.Tensor]:
        for _, targets in dataset:
            size = len(targets["label"])
            guess = {
                "image": tf.repeat(mean[None], size, axis=0),
                "audio": tf.zeros_like(targets["audio"]),
                "label": tf.one_hot([int(counts.argmax())] * size, m.num_classes),
            }
            yield _parts(targets, guess)

    return results_of(column_metrics(config), guesses())


def slices(config: MultimodalAutoencodingConfig) -> tuple[str, ...]:
    return (*by_class("label", config.model.num_classes), "frames/motion")


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    baseline=baseline,
    lower_is_better=("calibration_error",),
    slices=slices,
)
