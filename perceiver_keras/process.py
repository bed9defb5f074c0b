"""Process: blocks of self-attention among the latents (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import ProcessConfig
from perceiver_keras.config_tree import from_dict, to_dict
from perceiver_keras.layers.blocks import SelfAttentionBlock
from perceiver_keras.layers.chunked import counted_loop
from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.recompute import keeping_inputs, recomputes
from perceiver_keras.layers.stacked import run_stacked, with_weights_read
from perceiver_keras.layers.xla import for_xla, fused, on_gpu


@register
class Process(keras.layers.Layer):
    """`num_blocks` passes through the same `num_self_attention_layers` layers: the blocks share weights.

    In a graph the passes are one loop, so the graph's size is that of one block. When XLA compiles a training
    step, the layers are in the loop too, so its compile time is that of one layer.

    Args:
        config: the sizes, as a dataclass or a plain dictionary.
        activation: of the MLPs, "gelu_tanh" or "gelu".
        attention_memory_mb: limit on the logits of one attention step, in MiB.

    Call: latents [B, N, D] -> [B, N, D], and with `return_attention=True` also a list of weights
        [B, H, N, N], one per layer and pass, in order (blocks × layers).
    """

    def __init__(
        self,
        config: ProcessConfig | dict[str, Any],
        *,
        activation: str = "gelu_tanh",
        attention_memory_mb: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(config, dict):
            config = from_dict(ProcessConfig, config)
        self.config = config
        self.activation = activation
        self.attention_memory_mb = attention_memory_mb
        self.self_attentions = [
            SelfAttentionBlock(
                num_heads=config.num_self_attention_heads,
                qk_dim=config.qk_dim,
                v_dim=config.v_dim,
                widening_factor=config.widening_factor,
                activation=activation,
                dropout=config.dropout,
                attention_dropout=config.attention_dropout,
                memory_mb=attention_memory_mb,
                name=f"self_attention_{i}",
                dtype=self.dtype_policy,
            )
            for i in range(config.num_self_attention_layers)
        ]

    def build(self, input_shape: Any) -> None:
        for layer in self.self_attentions:
            build_part(layer, input_shape)
        super().build(input_shape)

    def call(
        self,
        latents: tf.Tensor,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, list[tf.Tensor]]:
        blocks = self.config.num_blocks
        if return_attention:
            maps = []
            for _ in range(blocks):
                for layer in self.self_attentions:
                    latents, weights = layer(latents, training=training, return_attention=True)
                    maps.append(weights)
            return latents, maps
        # A forward pass alone compiles fast, and would pay for the stack; on a GPU so would training (12 % of a step).
        if training is True and for_xla() and not on_gpu():
            return run_stacked(self.self_attentions, latents, blocks, training, recomputes())
        block = self._block(training)
        if tf.executing_eagerly() or blocks == 1:
            for _ in range(blocks):
                latents = block(latents)
            return latents
        block = block if training else fused(block)
        body = lambda step, x: (step + 1, block(x))  # noqa: E731
        _, latents = counted_loop(body, blocks, (tf.constant(0), latents))
        return latents

    def _block(self, training: bool | None) -> Callable[[tf.Tensor], tf.Tensor]:
        """One pass through the layers, whose weights are read, and cast, here and not in each pass."""
        layers, again = self.self_attentions, training is True and recomputes()
        if not (training or tf.executing_eagerly()):
            layers = [with_weights_read(layer) for layer in layers]

        def run(latents: tf.Tensor) -> tf.Tensor:
            shape = latents.shape
            for layer in layers:
                call = lambda layer, x: layer(x, training=training)  # noqa: E731
                latents = keeping_inputs(call, layer, latents) if again else call(layer, latents)
            latents.set_shape(shape)
            return latents

        return run

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "config": to_dict(self.config),
            "activation": self.activation,
            "attention_memory_mb": self.attention_memory_mb,
        }
