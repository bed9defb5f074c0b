"""Cross-entropy and accuracy of tags, over all bytes and over the bytes of entities."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.loss import MaskedCrossEntropy
from perceiver_keras.metrics import calibration
from perceiver_keras.metrics.columns import ColumnRatio, of_outputs
from perceiver_keras.metrics.results import results_of
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.token_classification.presets import TokenClassificationConfig


def loss(config: TokenClassificationConfig) -> keras.losses.Loss:
    return MaskedCrossEntropy(label_smoothing=config.train.label_smoothing)


@unconverted
def columns(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """[B, 50]: the sums of `_columns`, and how sure the model was of each byte's tag."""
    sure = calibration.of_logits(logits, targets, targets >= 0)
    return tf.concat([_sums(targets, logits), sure], axis=-1)


def _sums(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    best = tf.argmax(logits, -1, tf.int32)
    return _columns(
        tf.cast(targets, tf.int32), best, tf.nn.log_softmax(tf.cast(logits, tf.float32))
    )


def _columns(targets: tf.Tensor, best: tf.Tensor, logs: tf.Tensor) -> tf.Tensor:
    """[B, 5]: bytes, correct ones, the sum of their cross-entropies in nats; bytes of entities, correct ones."""
    asked = tf.cast(targets >= 0, tf.float32)
    inside = tf.cast(targets > 0, tf.float32)
    right = tf.cast(best == targets, tf.float32)
    nats = -tf.gather(logs, tf.maximum(targets, 0), batch_dims=2)
    parts = (asked, asked * right, asked * nats, inside, inside * right)
    return tf.stack([tf.reduce_sum(part, axis=-1) for part in parts], axis=-1)


def column_metrics(config: TokenClassificationConfig) -> list[keras.metrics.Metric]:
    return [*_ratios(), calibration.ColumnCalibrationError(5)]


def _ratios() -> list[ColumnRatio]:
    return [
        ColumnRatio(1, 0, "accuracy"),
        ColumnRatio(4, 3, "entity_accuracy"),
        ColumnRatio(2, 0, "cross_entropy"),
    ]


def metrics(config: TokenClassificationConfig) -> list[keras.metrics.Metric]:
    return of_outputs(_ratios(), _sums)


def baseline(dataset: tf.data.Dataset, config: TokenClassificationConfig) -> dict[str, float]:
    """Metrics of guessing the commonest tag everywhere, with the tags' own frequencies as probabilities."""
    targets = np.concatenate([targets.numpy() for _, targets in dataset])
    counts = np.bincount(targets[targets >= 0], minlength=len(config.model.tags))
    shares = (counts / max(counts.sum(), 1)).astype(np.float32)
    logs = np.broadcast_to(np.log(np.maximum(shares, 1e-9)), (*targets.shape, len(shares)))
    best = np.full(targets.shape, counts.argmax(), np.int32)
    rows = _columns(tf.constant(targets, tf.int32), tf.constant(best), tf.constant(logs))
    return results_of(column_metrics(config), [rows])


def slices(config: TokenClassificationConfig) -> tuple[str, ...]:
    return ("text/words",)


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    baseline=baseline,
    lower_is_better=("cross_entropy", "calibration_error"),
    slices=slices,
)
