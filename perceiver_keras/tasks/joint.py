"""Keras's `compile` and `fit` for losses and metrics that judge several outputs, or several targets, together."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.loss import mean_loss
from perceiver_keras.metrics import ColumnRatio
from perceiver_keras.perceiver import Perceiver


class JointModel(Perceiver):
    """Gives a task's own loss and its `ColumnRatio` metrics the targets and outputs whole.

    Keras itself would deal the parts of a structure out, one loss for each. Losses and metrics of Keras's
    own, and lists or dicts of losses, are dealt out as always.
    """

    _joint_loss: keras.metrics.Mean | None = None
    _joint_metrics: tuple[ColumnRatio, ...] = ()

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        own = type(loss).__module__.startswith("perceiver_keras.")
        listed = metrics if isinstance(metrics, (list, tuple)) else []
        joint = tuple(m for m in listed if _is_joint(m))
        rest = [m for m in listed if m not in joint] if joint else metrics
        super().compile(optimizer=optimizer, loss=loss, metrics=rest, **kwargs)
        # Past Keras's attributes, which would make the metrics' counts weights of the model.
        object.__setattr__(self, "_joint_loss", keras.metrics.Mean(name="loss") if own else None)
        object.__setattr__(self, "_joint_metrics", joint)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> tf.Tensor:
        if self._joint_loss is None:
            return super().compute_loss(x, y, y_pred, sample_weight)
        weighted = sample_weight is not None
        loss = self.loss(y, y_pred, sample_weight) if weighted else mean_loss(self.loss, y, y_pred)
        loss = tf.add_n([loss, *(tf.cast(part, loss.dtype) for part in self.losses)])
        self._joint_loss.update_state(loss, tf.shape(tf.nest.flatten(y_pred)[0])[0])
        # Gradients are summed over replicas.
        return loss / tf.distribute.get_strategy().num_replicas_in_sync

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> dict[str, Any]:
        if self.compiled_metrics._user_metrics:
            self.compiled_metrics.update_state(y, y_pred, sample_weight)
        for metric in self._joint_metrics:
            metric.update_state(y, y_pred)
        return self.get_metrics_result()

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        first = [] if self._joint_loss is None else [self._joint_loss]
        return [*first, *super().metrics, *self._joint_metrics]


def _is_joint(metric: Any) -> bool:
    return isinstance(metric, ColumnRatio) and metric.takes_targets
