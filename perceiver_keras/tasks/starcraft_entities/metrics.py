"""Cross-entropies and accuracies of the target and of the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.metrics import calibration
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

    @unconverted
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
CALIBRATION = ("target_calibration_error", "winner_calibration_error")


@unconverted
def columns(targets: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [B, 93]: what is right, as `_right` has it, and how sure the model was of target and winner."""
    won = tf.sigmoid(tf.cast(outputs["winning"], tf.float32))
    winner = tf.stack([1 - won, won], axis=-1)
    sure = [
        calibration.of_classes(outputs["pointer"], targets["target"]),
        calibration.of_classes(winner, targets["won"]),
    ]
    return tf.concat([_right(targets, outputs), *sure], axis=-1)


def _right(targets: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [B, 3]: 1 if the target is right, 1 if the winner is right, and 1."""
    target = tf.equal(tf.argmax(outputs["pointer"], axis=-1), targets["target"])
    winner = tf.equal(outputs["winning"] > 0, targets["won"] > 0)
    return tf.stack([tf.cast(x, tf.float32) for x in (target, winner, target | True)], axis=-1)


def column_metrics(config: StarcraftEntitiesConfig) -> list[keras.metrics.Metric]:
    first = len(METRICS) + 1
    sure = [
        calibration.ColumnCalibrationError(first + i * calibration.COLUMNS, name)
        for i, name in enumerate(CALIBRATION)
    ]
    return [*_ratios(), *sure]


def _ratios() -> list[ColumnRatio]:
    return [ColumnRatio(i, len(METRICS), name) for i, name in enumerate(METRICS)]


def metrics(config: StarcraftEntitiesConfig) -> list[keras.metrics.Metric]:
    return of_outputs(_ratios(), _right)


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


def slices(config: StarcraftEntitiesConfig) -> tuple[str, ...]:
    most = config.model.max_entities
    return ("label/outcome", f"entities/count:{most // 2},{most * 3 // 4}")


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    baseline=baseline,
    lower_is_better=CALIBRATION,
    slices=slices,
)
