"""Encode: N latents read the input array by one cross-attention (paper, section 3.1)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import EncodeConfig
from perceiver_keras.config_tree import from_dict, to_dict
from perceiver_keras.layers.blocks import CrossAttentionBlock
from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.recompute import keeping_inputs, recomputes


@register
class Encode(keras.layers.Layer):
    """A learned array of latents attends to the inputs.

    Args:
        config: the sizes, as a dataclass or a plain dictionary.
        activation: of the MLP, "gelu_tanh" or "gelu".
        attention_memory_mb: limit on the logits of one attention step, in MiB.

    Call: inputs [B, M, C], key_mask [B, M] (true where visible) -> latents [B, N, D], and with
        `return_attention=True` also the weights [B, H, N, M].
    """

    def __init__(
        self,
        config: EncodeConfig | dict[str, Any],
        *,
        activation: str = "gelu_tanh",
        attention_memory_mb: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(config, dict):
            config = from_dict(EncodeConfig, config)
        self.config = config
        self.activation = activation
        self.attention_memory_mb = attention_memory_mb
        self.cross_attention = CrossAttentionBlock(
            num_heads=config.num_cross_attention_heads,
            qk_dim=config.qk_dim,
            v_dim=config.v_dim,
            shape_for_attention=config.shape_for_attention,
            use_query_residual=config.use_query_residual,
            widening_factor=config.widening_factor,
            activation=activation,
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            memory_mb=attention_memory_mb,
            name="cross_attention",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: Any) -> None:
        shape = (self.config.num_latents, self.config.latent_dim)
        self.latents = self.add_weight(
            name="latents",
            shape=shape,
            initializer=keras.initializers.TruncatedNormal(stddev=self.config.latent_init_scale),
        )
        batch = tf.TensorShape(input_shape)[0]
        build_part(self.cross_attention, (tf.TensorShape((batch, *shape)), input_shape))
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        key_mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        def read(block: keras.layers.Layer, latents: tf.Tensor, inputs: tf.Tensor) -> Any:
            return block(
                (latents, inputs),
                key_mask=key_mask,
                training=training,
                return_attention=return_attention,
            )

        # One query for all examples: what depends on the latents alone is computed once.
        parts = (self.cross_attention, tf.convert_to_tensor(self.latents)[None], inputs)
        if training is True and recomputes() and not return_attention:
            return keeping_inputs(read, *parts)
        return read(*parts)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "config": to_dict(self.config),
            "activation": self.activation,
            "attention_memory_mb": self.attention_memory_mb,
        }


def broadcast_to_batch(array: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Repeats a learned array [N, D] for each example of `like` [B, ...]: [B, N, D]."""
    array = tf.convert_to_tensor(array)
    sizes = [axis_size(array, axis) for axis in range(array.shape.rank)]
    return tf.broadcast_to(array[None], [axis_size(like, 0), *sizes])
