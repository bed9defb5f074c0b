"""Losses that Keras lacks, called like Keras's own: (targets, outputs) -> one value per example."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted


@keras.saving.register_keras_serializable(package="perceiver_keras")
class SparseCrossEntropy(keras.losses.Loss):
    """Softmax cross-entropy of class numbers and logits, with label smoothing.

    Keras smooths only one-hot targets. With smoothing s and C classes the target is (1 - s) on the true class plus
    s / C on every class (arXiv 1512.00567, section 7), which needs no one-hot array:
    loss = logsumexp(z) - (1 - s) z[target] - s mean(z). The unit is nats.

    Call: targets integer [B, ...], logits [B, ..., C] -> [B, ...] float32 before the reduction.
    """

    def __init__(
        self, label_smoothing: float = 0.0, name: str = "sparse_cross_entropy", **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}.")
        self.label_smoothing = label_smoothing

    @unconverted
    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        logits = tf.cast(y_pred, tf.float32)
        labels = tf.cast(y_true, tf.int64)
        if labels.shape.rank == logits.shape.rank:  # Keras itself may add a last axis of 1
            labels = tf.squeeze(labels, -1)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        if self.label_smoothing:
            # Shifted by the largest logit: both terms are then small and nothing cancels.
            shifted = logits - tf.reduce_max(logits, axis=-1, keepdims=True)
            uniform = tf.reduce_logsumexp(shifted, axis=-1) - tf.reduce_mean(shifted, axis=-1)
            losses = (1.0 - self.label_smoothing) * losses + self.label_smoothing * uniform
        return losses

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="perceiver_keras")
class SharedCrossEntropy(SparseCrossEntropy):
    """`SparseCrossEntropy` whose targets may also be the shares of all classes, which sum to 1.

    With shares it is the mean of the losses of the classes, weighted by them; smoothing is the same for each.

    Call: targets integer [B] or float [B, C], logits [B, C] -> [B] float32 before the reduction.
    """

    def __init__(
        self, label_smoothing: float = 0.0, name: str = "shared_cross_entropy", **kwargs: Any
    ):
        super().__init__(label_smoothing, name=name, **kwargs)

    @unconverted
    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        if not (y_true.dtype.is_floating and y_true.shape[-1] == y_pred.shape[-1]):
            return super().call(y_true, y_pred)
        logits, shares = tf.cast(y_pred, tf.float32), tf.cast(y_true, tf.float32)
        shares = (1.0 - self.label_smoothing) * shares
        shares += self.label_smoothing / tf.cast(tf.shape(logits)[-1], tf.float32)
        return tf.nn.softmax_cross_entropy_with_logits(labels=shares, logits=logits)


@keras.saving.register_keras_serializable(package="perceiver_keras")
class MaskedCrossEntropy(SparseCrossEntropy):
    """The mean of `SparseCrossEntropy` over all places of the batch whose target is not negative.

    Call: targets integer [B, ...], negative where no prediction is wanted; logits [B, ..., C] -> float32 [], 0 if no
    prediction is wanted at all.
    """

    def __init__(
        self, label_smoothing: float = 0.0, name: str = "masked_cross_entropy", **kwargs: Any
    ):
        super().__init__(label_smoothing, name=name, **kwargs)

    @unconverted
    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        asked = tf.cast(y_true >= 0, tf.float32)
        losses = super().call(tf.maximum(y_true, 0), y_pred)
        return tf.reduce_sum(losses * asked) / tf.maximum(tf.reduce_sum(asked), 1.0)

    def weight(self, y_true: tf.Tensor) -> tf.Tensor:
        """How many places the mean was taken over, float32 []: its weight next to other parts of a batch."""
        return tf.reduce_sum(tf.cast(y_true >= 0, tf.float32))


def mean_loss(loss: keras.losses.Loss, targets: Any, outputs: Any) -> tf.Tensor:
    """The mean of the loss's values, float32 [].

    This uses `loss.call` and its own mean, not `loss(...)`, because Keras rejects its default reduction in a strategy's
    scope outside `Model.fit`. A loss that returns [] has already taken its mean.
    """
    return tf.reduce_mean(tf.cast(loss.call(targets, outputs), tf.float32))


def mean_weight(loss: keras.losses.Loss, targets: Any) -> tf.Tensor:
    """The weight of `mean_loss` in a mean over several parts of a batch, float32 []: how many values it is the mean of.

    All examples have equally many values, unless the loss has a method `weight(targets)` that counts them.
    """
    if hasattr(loss, "weight"):
        return loss.weight(targets)
    return tf.cast(tf.shape(tf.nest.flatten(targets)[0])[0], tf.float32)
