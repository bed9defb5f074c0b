"""Decoded outputs to the logits of each example's task, by one MLP per task (paper, App. F.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import Linear, build_part, register


@register
class TaskHeads(keras.layers.Layer):
    """Per task, two layers with tanh between them; the hidden one is as wide as the decoded output.

    Args:
        num_tasks: number of tasks T.
        num_outputs: K, the largest number of outputs of any task.

    Call: decoded [B, T, E], one output per task, or [B, 1, E], one for all; inputs {"head": [B]}, the number
        of each example's task. Returns that task's outputs [B, K], float32.
    """

    def __init__(self, *, num_tasks: int, num_outputs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_tasks = num_tasks
        self.num_outputs = num_outputs

    def build(self, input_shape: Any) -> None:
        width = tf.TensorShape(input_shape)[-1]
        # The layers of all tasks side by side: one product, initialised with the right fan-in.
        for name, units in (("hidden", width), ("out", self.num_outputs)):
            part = Linear(self.num_tasks * units, name=name, dtype=self.dtype_policy)
            build_part(part, [None, width])
            setattr(self, name, part)
        super().build(input_shape)

    def call(
        self, outputs: tf.Tensor, inputs: Mapping[str, tf.Tensor], points: Any = None
    ) -> tf.Tensor:
        chosen = tf.one_hot(inputs["head"], self.num_tasks, dtype=self.compute_dtype)  # [B, T]
        own = outputs[:, 0] if outputs.shape[1] == 1 else tf.einsum("bt,bte->be", chosen, outputs)
        hidden = tf.tanh(self._of_task(self.hidden(own), chosen))
        return tf.cast(self._of_task(self.out(hidden), chosen), tf.float32)

    def _of_task(self, every: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        """[B, T * units] -> [B, units]; cheaper than gathering one matrix per example."""
        units = every.shape[-1] // self.num_tasks
        return tf.einsum("bt,btk->bk", chosen, tf.reshape(every, [-1, self.num_tasks, units]))

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return tf.TensorShape([tf.TensorShape(input_shape)[0], self.num_outputs])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_tasks": self.num_tasks,
            "num_outputs": self.num_outputs,
        }
