"""A Keras model whose losses and metrics may take several outputs and targets together."""

from __future__ import annotations

import logging
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.loss import mean_loss
from perceiver_keras.metrics import columns
from perceiver_keras.metrics.columns import ColumnMetric
from perceiver_keras.perceiver import Perceiver

JOINT = "joint_metrics"
_log = logging.getLogger(__name__)


class JointModel(Perceiver):
    """A Keras model whose losses and metrics may take several outputs and targets together.

    Keras assigns one loss to each part of a structure. Here, a loss of this package and its `ColumnMetric`s get all
    targets and outputs as they are; Keras's own losses, and lists or dicts of losses, are assigned as usual.
    """

    _joint_loss: keras.metrics.Mean | None = None
    _joint_metrics: tuple[ColumnMetric, ...] = ()

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        own = type(loss).__module__.startswith("perceiver_keras.")
        listed = metrics if isinstance(metrics, (list, tuple)) else []
        joint = tuple(m for m in listed if _is_joint(m))
        rest = [m for m in listed if m not in joint] if joint else metrics
        super().compile(optimizer=optimizer, loss=loss, metrics=rest, **kwargs)
        # Keras's own attribute setter would make the metrics' state part of the model's weights.
        object.__setattr__(self, "_joint_loss", keras.metrics.Mean(name="loss") if own else None)
        object.__setattr__(self, "_joint_metrics", joint)

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was given, as plain JSON; Keras's own has no joint metrics."""
        config = super().get_compile_config()
        if config is None:
            return None
        return config | {JOINT: columns.serialized(self._joint_metrics)}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as before saving, and makes the optimizer's variables, whose values Keras reads then."""
        config = dict(config)
        metrics = columns.deserialized(config.pop(JOINT, []), type(self).__module__)
        given = keras.saving.deserialize_keras_object(config)
        self.compile(**given | ({"metrics": [*given["metrics"], *metrics]} if metrics else {}))
        if not hasattr(self.optimizer, "build"):  # a legacy one, such as LAMB
            _log.warning(
                "Keras keeps no state of %s in a file: it starts anew.",
                type(self.optimizer).__name__,
            )
        elif self.built:
            self.optimizer.build(self.trainable_variables)

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
    return isinstance(metric, ColumnMetric) and metric.takes_outputs
