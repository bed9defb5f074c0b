"""The two blocks that Perceivers are made of, pre-norm with residuals (docs/architecture.md, Blocks)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers import padded_norm
from perceiver_keras.layers.attention import Attention, Memory
from perceiver_keras.layers.dropout import Dropout
from perceiver_keras.layers.feed_forward import FeedForward
from perceiver_keras.layers.folded import Folded
from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.modalities import pad_channels
from perceiver_keras.layers.normalization import LayerNorm
from perceiver_keras.layers.weights_only import blocks_are_left_out
from perceiver_keras.layers.xla import for_xla, on_gpu


class _Block(keras.layers.Layer):
    """What the two blocks share: their settings, and the MLP with its norm."""

    def __init__(
        self,
        *,
        num_heads: int = 1,
        qk_dim: int | None = None,
        v_dim: int | None = None,
        widening_factor: int = 1,
        activation: str = "gelu_tanh",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        memory_mb: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.qk_dim = qk_dim
        self.v_dim = v_dim
        self.widening_factor = widening_factor
        self.activation = activation
        self.dropout_rate = dropout
        self.attention_dropout = attention_dropout
        self.memory_mb = memory_mb
        self.dropout = Dropout(dropout, name="dropout", dtype=self.dtype_policy)
        self.mlp_norm = LayerNorm(name="mlp_norm", dtype=self.dtype_policy)
        self.mlp = FeedForward(
            widening_factor=widening_factor,
            activation=activation,
            dropout=dropout,
            name="mlp",
            dtype=self.dtype_policy,
        )

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if self.built and blocks_are_left_out():
            return tf.nest.flatten(inputs)[0]
        return super().__call__(inputs, *args, **kwargs)

    def _attention(self, qk_dim: int | None, output_dim: int) -> Attention:
        return Attention(
            num_heads=self.num_heads,
            qk_dim=qk_dim,
            v_dim=self.v_dim,
            output_dim=output_dim,
            dropout=self.attention_dropout,
            memory_mb=self.memory_mb,
            name="attention",
            dtype=self.dtype_policy,
        )

    def _build_rest(self, shape: tf.TensorShape) -> None:
        build_part(self.dropout, shape)
        build_part(self.mlp_norm, shape)
        build_part(self.mlp, shape)

    def _mlp(self, x: tf.Tensor, training: bool | None, folded: Folded | None = None) -> tf.Tensor:
        normed = self.mlp_norm(x)
        if folded is not None:
            return folded(x, self.mlp.hidden(normed, training))
        return x + self.mlp(normed, training=training)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_heads": self.num_heads,
            "qk_dim": self.qk_dim,
            "v_dim": self.v_dim,
            "widening_factor": self.widening_factor,
            "activation": self.activation,
            "dropout": self.dropout_rate,
            "attention_dropout": self.attention_dropout,
            "memory_mb": self.memory_mb,
        }


@register
class SelfAttentionBlock(_Block):
    """x += dropout(Attention(LN(x))); x += MLP(LN(x)). One norm feeds queries, keys and values.

    Args: as `CrossAttentionBlock`, where they apply. `qk_dim` defaults to the input's channels.

    Call: [B, N, D] -> [B, N, D], and with `return_attention=True` also the weights [B, H, N, N].
    `key_mask` [B, N] and `attention_mask` [B, N, N] are true where visible.
    """

    def build(self, input_shape: Any) -> None:
        shape = tf.TensorShape(input_shape)
        self.norm = LayerNorm(name="norm", dtype=self.dtype_policy)
        self.attention = self._attention(self.qk_dim, shape[-1])
        build_part(self.norm, shape)
        build_part(self.attention, (shape, shape))
        self._build_rest(shape)
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        key_mask: tf.Tensor | None = None,
        attention_mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        normed = self.norm(inputs)
        attended = self.attention(
            (normed, normed),
            key_mask=key_mask,
            attention_mask=attention_mask,
            training=training,
            return_attention=return_attention,
        )
        weights = None
        if return_attention:
            attended, weights = attended
        x = inputs + self.dropout(attended, training=training)
        x = self._mlp(x, training)
        return (x, weights) if return_attention else x


@register
class CrossAttentionBlock(_Block):
    """x = query + Attention(LN(query), LN(kv)); x += MLP(LN(x)). The output has the query's channels.

    Args:
        num_heads: attention heads.
        qk_dim: channels of queries and keys; default: determined by `shape_for_attention`.
        v_dim: channels of values; default: `qk_dim`.
        shape_for_attention: "kv" or "q": whose channels `qk_dim` defaults to.
        use_query_residual: whether the query is added to what attention returns.
        widening_factor, activation: of the MLP.
        dropout: rate after attention and in the MLP.
        attention_dropout: rate on the attention weights.
        memory_mb: limit on the logits of one step, in MiB.

    Call:
        inputs: (query [B, O, Q] or, the same for all examples, [1, O, Q]; key/value [B, M, C]).
        key_mask [B, M], query_mask [B, O], attention_mask [B, O, M]: true where visible.
        Returns [B, O, Q], and with `return_attention=True` also the weights [B, H, O, M].
    """

    def __init__(
        self, *, shape_for_attention: str = "kv", use_query_residual: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if shape_for_attention not in ("kv", "q"):
            raise ValueError(f"shape_for_attention: {shape_for_attention!r} is not 'kv' or 'q'.")
        self.shape_for_attention = shape_for_attention
        self.use_query_residual = use_query_residual

    def build(self, input_shape: Any) -> None:
        query_shape, kv_shape = map(tf.TensorShape, input_shape)
        by_default = kv_shape if self.shape_for_attention == "kv" else query_shape
        self.query_norm = LayerNorm(name="query_norm", dtype=self.dtype_policy)
        self.key_value_norm = LayerNorm(name="key_value_norm", dtype=self.dtype_policy)
        self.attention = self._attention(self.qk_dim or by_default[-1], query_shape[-1])
        build_part(self.query_norm, query_shape)
        build_part(self.key_value_norm, kv_shape)
        build_part(self.attention, (query_shape, kv_shape))
        self._build_rest(query_shape)
        super().build(input_shape)

    def call(
        self,
        inputs: tuple[tf.Tensor, tf.Tensor],
        key_mask: tf.Tensor | None = None,
        query_mask: tf.Tensor | None = None,
        attention_mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        query, key_value = inputs
        memory = self.memory_of(key_value, query.shape[1], training=training)
        return self.query_memory(
            query,
            memory,
            key_mask=key_mask,
            query_mask=query_mask,
            attention_mask=attention_mask,
            training=training,
            return_attention=return_attention,
        )

    def memory_of(
        self,
        key_value: tf.Tensor,
        num_queries: int | None,
        training: bool | None = None,
        padding: tf.Tensor | None = None,
    ) -> Memory:
        """Prepares the key/value input once for any number of `query_memory` calls.

        With `padding` [1, k], that is what all queries end with, and they are given without it.
        """
        normed = self.key_value_norm(key_value)
        memory = self.attention.memory_of(normed, num_queries, training=training)
        if padding is None:
            return memory
        # The few channels that stand for the padding are multiplied with sums, which need float32; TPUs and GPUs may
        # round what they multiply.
        exact = self.compute_dtype == "float32" and not for_xla() and not on_gpu()
        if not exact or memory.absorbed != "queries" or self.use_query_residual:
            return memory._replace(padding=padding)
        key = padded_norm.keys(self.query_norm, memory.key, padding)
        return memory._replace(key=key, absorbed="padded queries", padding=padding)

    def query_memory(
        self,
        query: tf.Tensor,
        memory: Memory,
        *,
        training: bool | None = None,
        return_attention: bool = False,
        folded: Folded | None = None,
        **masks: tf.Tensor | None,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        """The block, applied to some or all of the queries that `memory_of` prepared for: [B, O, Q].

        With `folded`, followed by its linear maps: [B, O, E].
        """
        if memory.absorbed == "padded queries":
            normed = padded_norm.coefficients(self.query_norm, query, memory.padding)
        else:
            if memory.padding is not None:
                query = pad_channels(query, tf.cast(memory.padding, query.dtype))
            normed = self.query_norm(query)
        attended = self.attention.query_memory(
            normed,
            memory,
            training=training,
            return_attention=return_attention,
            **masks,
        )
        weights = None
        if return_attention:
            attended, weights = attended
        attended = self.dropout(attended, training=training)
        x = query + attended if self.use_query_residual else attended
        x = self._mlp(x, training, folded)
        return (x, weights) if return_attention else x

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "shape_for_attention": self.shape_for_attention,
            "use_query_residual": self.use_query_residual,
        }
