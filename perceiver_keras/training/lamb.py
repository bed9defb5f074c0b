"""LAMB (arXiv 1904.00962, algorithm 2), for the versions of TensorFlow that TensorFlow Addons has no wheel for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras


@keras.saving.register_keras_serializable(package="perceiver_keras")
class LAMB(keras.optimizers.legacy.Optimizer):
    """Adam's direction with decoupled weight decay, scaled to the norm of each weight.

    The numbers are those of TensorFlow Addons' LAMB, and so are the names of its variables: a checkpoint of either can
    be continued with the other. Every variable is scaled; none is left out.

    Attributes:
      epsilon: Added to the root of the second moment, after its bias is corrected.
      exclude_from_weight_decay: Regular expressions; a variable whose name has a match is not decayed.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
        exclude_from_weight_decay: Sequence[str] = (),
        name: str = "LAMB",
        **kwargs: Any,
    ):
        super().__init__(name, **kwargs)
        self._set_hyper("weight_decay", weight_decay)
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("decay", self._initial_decay)
        self._set_hyper("beta_1", beta_1)
        self._set_hyper("beta_2", beta_2)
        self.epsilon = epsilon
        self.exclude_from_weight_decay = list(exclude_from_weight_decay)

    def _create_slots(self, var_list: Sequence[tf.Variable]) -> None:
        for moment in ("m", "v"):
            for variable in var_list:
                self.add_slot(variable, moment)

    def _prepare_local(self, var_device: str, var_dtype: tf.DType, apply_state: Any) -> None:
        super()._prepare_local(var_device, var_dtype, apply_state)  # lr_t
        beta_1, beta_2, decay = (
            tf.identity(self._get_hyper(name, var_dtype))
            for name in ("beta_1", "beta_2", "weight_decay")
        )
        step = tf.cast(self.iterations + 1, var_dtype)
        apply_state[var_device, var_dtype].update(
            beta_1=beta_1,
            beta_2=beta_2,
            weight_decay=decay,
            epsilon=tf.convert_to_tensor(self.epsilon, var_dtype),
            unbias_1=1 - tf.pow(beta_1, step),
            unbias_2=1 - tf.pow(beta_2, step),
        )

    def _resource_apply_dense(
        self, grad: tf.Tensor, var: tf.Variable, apply_state: Any = None
    ) -> tf.Operation:
        kind = (var.device, var.dtype.base_dtype)
        given = (apply_state or {}).get(kind) or self._fallback_apply_state(*kind)
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        locked = {"use_locking": self._use_locking}
        beta_1, beta_2 = given["beta_1"], given["beta_2"]
        first = m.assign(beta_1 * m + (1 - beta_1) * grad, **locked) / given["unbias_1"]
        squared = beta_2 * v + (1 - beta_2) * tf.square(grad)
        second = v.assign(squared, **locked) / given["unbias_2"]
        update = first / (tf.sqrt(second) + given["epsilon"])
        if self._do_use_weight_decay(var):
            update += given["weight_decay"] * var
        return var.assign_sub(given["lr_t"] * _trust(var, update) * update, **locked)

    def _resource_apply_sparse(
        self, grad: tf.Tensor, var: tf.Variable, indices: tf.Tensor, apply_state: Any = None
    ) -> tf.Operation:
        """Rows without a gradient move too: by their moments and their decay."""
        dense = tf.scatter_nd(indices[:, None], grad, tf.cast(tf.shape(var), indices.dtype))
        return self._resource_apply_dense(dense, var, apply_state)

    def _do_use_weight_decay(self, param: tf.Variable) -> bool:
        return not any(re.search(rule, param.name) for rule in self.exclude_from_weight_decay)

    def get_config(self) -> dict[str, Any]:
        hyper = ("learning_rate", "weight_decay", "decay", "beta_1", "beta_2")
        return {
            **super().get_config(),
            **{name: self._serialize_hyperparameter(name) for name in hyper},
            "epsilon": self.epsilon,
            "exclude_from_weight_decay": self.exclude_from_weight_decay,
        }


def _trust(variable: tf.Variable, update: tf.Tensor) -> tf.Tensor:
    """The weight's norm over the update's; 1 where either is zero."""
    size, change = tf.norm(variable), tf.norm(update)
    both = tf.logical_and(size > 0, change > 0)
    return tf.where(both, tf.math.divide_no_nan(size, change), tf.ones_like(size))
