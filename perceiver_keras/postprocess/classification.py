"""Decoded outputs to the logits of classes (docs/architecture.md, Decode and postprocess).

Every postprocess layer is called as `postprocess(outputs, inputs=..., points=...)`, with the decoded
outputs [B, O, E], the model's raw inputs (for their sizes) and the output points wanted (None: all).
Results are float32 whatever the compute dtype.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import Linear, build_part, register


@register
class ClassificationPostprocess(keras.layers.Layer):
    """The first output as logits, after a Linear to the classes if the decoder has none.

    Args:
        num_classes: channels of the Linear; default: no Linear, the decoder's outputs are the logits.

    Call: [B, O, E] -> logits [B, E or num_classes], float32.
    """

    def __init__(self, *, num_classes: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.linear = None
        if num_classes is not None:
            self.linear = Linear(num_classes, name="linear", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        if self.linear is not None:
            build_part(self.linear, input_shape)
        super().build(input_shape)

    def call(self, outputs: tf.Tensor, inputs: Any = None, points: Any = None) -> tf.Tensor:
        first = outputs[:, 0]
        return tf.cast(first if self.linear is None else self.linear(first), tf.float32)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"num_classes": self.num_classes}
