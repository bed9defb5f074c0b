"""AdamW, each weight updated by one pass over it as soon as its gradient is there (arXiv 1711.05101)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras


class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW: the same numbers, variables and names, in less time and memory.

    Keras's update is a dozen operations, each a pass over the weight, its moments or their temporaries; here Adam's is
    one kernel. And Keras decays all weights before it needs their gradients: in a graph that is while the backward pass
    still reads them, so every weight exists twice. Here a weight is decayed when its gradient has come, which is not
    needed any more once it was applied.
    """

    def _apply_weight_decay(self, variables: Any) -> None:
        """Not before the gradients: see `update_step`."""

    def update_step(self, gradient: Any, variable: tf.Variable) -> None:
        gradient = tf.convert_to_tensor(gradient)
        dtype = variable.dtype
        rate = tf.cast(self.learning_rate, dtype)
        with tf.control_dependencies([gradient]):
            if self.weight_decay and self._use_weight_decay(variable):
                variable.assign_sub(variable * (rate * self.weight_decay))
        step = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.constant(self.beta_1, dtype), tf.constant(self.beta_2, dtype)
        index = self._index_dict[self._var_key(variable)]
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].handle,
            v=self._velocities[index].handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, dtype),
            grad=gradient,
        )
