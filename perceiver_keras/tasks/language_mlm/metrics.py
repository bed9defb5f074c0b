"""Cross-entropy, accuracy and bits per token over masked tokens, and what n-gram tables achieve."""

from __future__ import annotations

import itertools
import math

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.store import source
from perceiver_keras.data.text.byte_tokenizer import OFFSET
from perceiver_keras.errors import PerceiverError
from perceiver_keras.loss import MaskedCrossEntropy
from perceiver_keras.metrics import calibration
from perceiver_keras.metrics.columns import ColumnRatio, of_outputs
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.language_mlm import ngrams
from perceiver_keras.tasks.language_mlm.presets import LanguageMLMConfig
from perceiver_keras.tasks.shared.tokens import texts, tokenizer_of


def loss(config: LanguageMLMConfig) -> keras.losses.Loss:
    return MaskedCrossEntropy(label_smoothing=config.train.label_smoothing)


@unconverted
def columns(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """[B, 49]: masked tokens, correct ones, their cross-entropies; and how sure the model was of each."""
    sure = calibration.of_logits(logits, targets, targets >= 0)
    return tf.concat([_sums(targets, logits), sure], axis=-1)


def _sums(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """[B, 4]: masked tokens, correct ones, and the sum of their cross-entropies in nats and in bits."""
    asked = tf.cast(targets >= 0, tf.float32)
    right = tf.cast(tf.argmax(logits, -1, tf.int32) == tf.cast(targets, tf.int32), tf.float32)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.maximum(targets, 0), logits=tf.cast(logits, tf.float32)
    )
    sums = [tf.reduce_sum(asked * value, axis=-1) for value in (asked, right, nats)]
    return tf.stack([*sums, sums[-1] / math.log(2)], axis=-1)


def column_metrics(config: LanguageMLMConfig) -> list[keras.metrics.Metric]:
    return [*_ratios(), calibration.ColumnCalibrationError(4)]


def _ratios() -> list[ColumnRatio]:
    return [
        ColumnRatio(1, 0, "accuracy"),
        ColumnRatio(2, 0, "cross_entropy"),
        ColumnRatio(3, 0, "bits_per_token"),
    ]


def metrics(config: LanguageMLMConfig) -> list[keras.metrics.Metric]:
    return of_outputs(_ratios(), _sums)


def baseline(dataset: tf.data.Dataset, config: LanguageMLMConfig) -> dict[str, float]:
    """Metrics of guessing the commonest token everywhere, with the masked tokens' own frequencies as probabilities.

    Also `ngram_accuracy`, of a table of n-grams on both sides, counted in the training split, if it is at hand.
    """
    batches = [(inputs["ids"].numpy(), targets.numpy()) for inputs, targets in dataset]
    ids, targets = (np.concatenate(part) for part in zip(*batches, strict=True))
    asked = targets >= 0
    truth = targets[asked]
    counts = np.bincount(truth, minlength=1)
    share = counts[counts > 0] / max(len(truth), 1)
    entropy = float(-(share * np.log(share)).sum())
    found = {
        "accuracy": float(counts.max() / max(len(truth), 1)),
        "cross_entropy": entropy,
        "bits_per_token": entropy / math.log(2),
    }
    if seen := _training_tokens(config):
        own = np.maximum(ids - OFFSET, 0)
        guesses = ngrams.ngram_guesses(seen, own, asked, config.model.vocabulary - OFFSET)
        found["ngram_accuracy"] = float(np.mean(guesses == truth - OFFSET))
    return found


def _training_tokens(config: LanguageMLMConfig) -> list[np.ndarray]:
    """The first 20,000 texts of the training split, each as ids without the special ones; none if they can't be had."""
    try:
        builder = source.open_builder(config.data.dataset, config.data.data_dir)
        found = list(itertools.islice(texts(builder, config.data.train_split), 20_000))
        encode = tokenizer_of(config).encode
    except PerceiverError:
        return []
    return [encode(tf.constant([text]), specials=False).values.numpy() - OFFSET for text in found]


def slices(config: LanguageMLMConfig) -> tuple[str, ...]:
    return ("text/words",)


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    baseline=baseline,
    lower_is_better=("cross_entropy", "bits_per_token", "calibration_error"),
    slices=slices,
)
