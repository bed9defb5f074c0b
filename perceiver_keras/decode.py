"""Decode: queries read the latents by one cross-attention (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import DecodeConfig
from perceiver_keras.config_tree import from_dict, to_dict
from perceiver_keras.layers.attention import Memory
from perceiver_keras.layers.blocks import CrossAttentionBlock
from perceiver_keras.layers.chunked import map_chunks
from perceiver_keras.layers.folded import Folded, folded
from perceiver_keras.layers.linear import Linear, build_part, register
from perceiver_keras.layers.recompute import keeping_inputs, recomputes
from perceiver_keras.layers.xla import for_xla, fused


class DecodeMemory(NamedTuple):
    """Latents, prepared once for any number of queries."""

    attention: Memory
    then: Linear | None  # what follows the stage
    folded: Folded | None  # the stage's Linear and that one, where they are folded into the MLP


@register
class Decode(keras.layers.Layer):
    """Cross-attention of queries to latents, then a Linear to the output channels.

    Outside training, queries that exceed the memory budget pass through the whole stage in chunks, so
    that only the final outputs are ever held for all of them. In training only attention is chunked,
    because the backward pass needs every intermediate, unless these are computed again for each chunk.

    Args:
        config: the sizes, as a dataclass or a plain dictionary. `output_dim` None: no final Linear.
        activation: of the MLP, "gelu_tanh" or "gelu".
        attention_memory_mb: limit on the logits of one attention step, in MiB.

    Call:
        inputs: (queries [B, O, Q], latents [B, N, D]).
        query_mask: [B, O], true where the query is real; the others see no latent.
        Returns [B, O, E], and with `return_attention=True` also the weights [B, H, O, N].
    """

    def __init__(
        self,
        config: DecodeConfig | dict[str, Any],
        *,
        activation: str = "gelu_tanh",
        attention_memory_mb: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(config, dict):
            config = from_dict(DecodeConfig, config)
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
        self.out = None
        if config.output_dim is not None:
            self.out = Linear(
                config.output_dim, zero_init=config.zero_init, name="out", dtype=self.dtype_policy
            )

    def build(self, input_shape: Any) -> None:
        build_part(self.cross_attention, input_shape)
        if self.out is not None:
            build_part(self.out, input_shape[0])
        super().build(input_shape)

    def call(
        self,
        inputs: tuple[tf.Tensor, tf.Tensor],
        query_mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        queries, latents = inputs
        memory = self.memory_of(latents, queries.shape[1], training)
        weights = None

        def decode(some: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
            return self.query_memory(some, memory, query_mask=mask, training=training)

        arrays = [queries] if query_mask is None else [queries, query_mask]
        chunk = self.chunk(queries.shape, latents.shape[1])
        if return_attention:
            outputs, weights = self.cross_attention.query_memory(
                queries,
                memory.attention,
                query_mask=query_mask,
                training=training,
                return_attention=True,
            )
            outputs = outputs if self.out is None else self.out(outputs)
        elif chunk is not None and (training is None or training is False):
            outputs = map_chunks(fused(decode), arrays, chunk)
        elif chunk is not None and training is True and recomputes() and not self._drops():
            outputs = map_chunks(self._again(memory), arrays, 4 * chunk)
        else:
            outputs = decode(*arrays)
        return (outputs, weights) if return_attention else outputs

    def memory_of(
        self,
        latents: tf.Tensor,
        num_queries: int | None,
        training: bool | None = None,
        *,
        then: Linear | None = None,
        padding: tf.Tensor | None = None,
    ) -> DecodeMemory:
        """Prepares the latents once for any number of `query_memory` calls.

        Args:
            latents: [B, N, D].
            num_queries: of all calls; None: many.
            training: as in `call`.
            then: a Linear, built, that follows the stage in each call.
            padding: [1, k], that ends all queries, which are then given without it.
        """
        attention = self.cross_attention.memory_of(
            latents, num_queries, training=training, padding=padding
        )
        maps = None
        if training is None or training is False:
            mlp = self.cross_attention.mlp
            maps = folded(mlp, [m for m in (self.out, then) if m is not None], num_queries)
        return DecodeMemory(attention=attention, then=then, folded=maps)

    def query_memory(self, queries: tf.Tensor, memory: DecodeMemory, **kwargs: Any) -> tf.Tensor:
        """Some or all of the queries that `memory_of` prepared for: [B, O, Q] -> [B, O, E]."""
        x = self.cross_attention.query_memory(
            queries, memory.attention, folded=memory.folded, **kwargs
        )
        if memory.folded is not None:
            return x
        x = x if self.out is None else self.out(x)
        return x if memory.then is None else memory.then(x)

    def _drops(self) -> bool:
        return bool(self.config.dropout or self.config.attention_dropout)

    def _again(self, memory: DecodeMemory) -> Callable[..., tf.Tensor]:
        """Queries and their mask -> outputs, of which training keeps nothing but the queries."""

        def decode(queries: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
            def call(
                stage: Decode, queries: tf.Tensor, key: tf.Tensor, value: tf.Tensor
            ) -> tf.Tensor:
                same = memory.attention._replace(key=key, value=value)
                return stage.query_memory(
                    queries, memory._replace(attention=same), query_mask=mask, training=True
                )

            return keeping_inputs(call, self, queries, memory.attention.key, memory.attention.value)

        return decode

    def chunk(self, queries: tf.TensorShape, num_latents: int | None) -> int | None:
        """Queries per chunk, or None if all fit; each takes its logits and about eight rows of its width.

        A quarter of the budget, as larger chunks are no faster on a CPU; what XLA compiles gets all of it.
        """
        batch, total, channels = queries
        row = 4 * (batch or 1)
        row *= self.config.num_cross_attention_heads * (num_latents or 1) + 8 * channels
        budget = self.attention_memory_mb * 2**20 // (1 if for_xla() else 4)
        chunk = max(budget // row, 1)
        if total is not None and chunk >= total:
            return None
        return chunk - chunk % 64 if chunk > 64 else chunk

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "config": to_dict(self.config),
            "activation": self.activation,
            "attention_memory_mb": self.attention_memory_mb,
        }
