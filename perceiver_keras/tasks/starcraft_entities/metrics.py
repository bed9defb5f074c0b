"""Cross-entropies and accuracies of the target and of the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.metrics.columns import ColumnRatio, of_outputs
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.starcraft_entities.presets import StarcraftEntitiesConfig


@keras.saving.register_keras_serializable(package="perceiver_keras")
class BattleLoss(keras.losses.Loss):
    """The cross-entropy of the target plus the weighted one of the outcome, in nats.

    Call: {"target": rows [B], "won": 0 or 1 [B]}, {"pointer": [B, E], "winning": [B], …} -> float32 [B].
    """

    def __init__(self, winner_weight: float, name: str = "battle_loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.winner_weight = winner_weight

    def call(self, y_true: Mapping[str, tf.Tensor], y_pred: Mapping[str, tf.Tensor]) -> tf.Tensor:
        chosen = tf.gather(y_pred["pointer"], y_true["target"], batch_dims=1)
        outcome = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(y_true["won"], tf.float32), logits=y_pred["winning"]
        )
        return self.winner_weight * outcome - tf.math.log(chosen + 1e-9)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"winner_weight": self.winner_weight}


def loss(config: StarcraftEntitiesConfig) -> keras.losses.Loss:
    return BattleLoss(config.train.winner_weight)


METRICS = ("target_accuracy", "winner_accuracy")


def columns(targets: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [B, 3]: 1 if the target is right, 1 if the winner is right, and 1."""
    target = tf.equal(tf.argmax(outputs["pointer"], axis=-1), targets["target"])
    winner = tf.equal(outputs["winning"] > 0, targets["won"] > 0)
    return tf.stack([tf.cast(x, tf.float32) for x in (target, winner, target | True)], axis=-1)


def column_metrics(config: StarcraftEntitiesConfig) -> list[keras.metrics.Metric]:
    return [ColumnRatio(i, len(METRICS), name) for i, name in enumerate(METRICS)]


def metrics(config: StarcraftEntitiesConfig) -> list[keras.metrics.Metric]:
    return of_outputs(column_metrics(config), columns)


def baseline(dataset: tf.data.Dataset, config: StarcraftEntitiesConfig) -> dict[str, float]:
    """A random target, among the enemies if a feature is named "enemy", and the commoner outcome."""
    hits, won, count = 0.0, 0.0, 0
    for inputs, targets in dataset:
        able = inputs["mask"].numpy() > 0
        if "enemy" in config.model.features:
            able &= inputs["entities"].numpy()[..., config.model.features.index("enemy")] > 0
        hits += float((1 / np.maximum(able.sum(1), 1)).sum())
        won += float(targets["won"].numpy().sum())
        count += len(able)
    share = won / max(count, 1)
    return {"target_accuracy": hits / max(count, 1), "winner_accuracy": max(share, 1 - share)}


MEASURES = Measures(
    loss=loss, metrics=metrics, columns=columns, column_metrics=column_metrics, baseline=baseline
)
