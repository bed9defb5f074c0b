"""Multi-head attention (docs/architecture.md, Attention), dense or in chunks that fit a memory budget.

`attend` is the one place where attention is computed. `Attention` adds the linear maps, and decides
whether those of the longer side are applied there or absorbed into the shorter side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers import chunked
from perceiver_keras.layers.dropout import Dropout
from perceiver_keras.layers.linear import Linear, build_part, register
from perceiver_keras.layers.product import product
from perceiver_keras.layers.xla import for_xla

ENOUGH_QUERIES = 256  # in a chunk, for products of matrices that are nearly as fast as with all


def plan(
    batch: int | None,
    heads: int,
    queries: int | None,
    keys: int | None,
    memory_mb: int,
    inference: bool = False,
) -> tuple[str, int]:
    """Picks the form of attention: ("dense", 0), ("queries", chunk) or ("keys", chunk).

    The float32 logits of one step take batch × heads × queries × keys × 4 bytes, which must fit the
    budget. The longer axis is cut into chunks. In inference the queries are, if enough of them fit: a complete softmax
    is one kernel, and a quarter of the budget is as fast. An unknown size counts as longer, an unknown batch as 1 (the
    budget then holds per example), and two unknown sizes mean the dense form.
    """
    if queries is None and keys is None:
        return "dense", 0
    budget = memory_mb * 2**20 // (4 * heads * (batch or 1))
    cut_queries = queries is None or (keys is not None and queries >= keys)
    if inference and keys is not None and budget // keys >= ENOUGH_QUERIES:
        cut_queries = True
        budget = max(budget // 4, ENOUGH_QUERIES * keys)
    long, short = (queries, keys) if cut_queries else (keys, queries)
    chunk = max(budget // short, 1)
    if long is not None and chunk >= long:
        return "dense", 0
    if chunk > 64:
        chunk -= chunk % 64
    return ("queries" if cut_queries else "keys"), chunk


def attend(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    *,
    key_mask: tf.Tensor | None = None,
    attention_mask: tf.Tensor | None = None,
    memory_mb: int = 256,
    dropout: Callable[[tf.Tensor], tf.Tensor] | None = None,
    inference: bool = False,
    return_weights: bool = False,
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """softmax(query·keyᵀ)·value, for a query that is already scaled.

    Dense and chunked forms give the same numbers and gradients. `dropout` (a function of the
    weights) and `return_weights` need the whole matrix, so the form is then dense whatever the budget.

    Args:
        query, key, value: [B, H, O, d], [B, H, M, d], [B, H, M, e].
        key_mask: [B, M], true where the key is visible.
        attention_mask: [B, O, M], true where this key is visible to this query.
        memory_mb: limit on the logits of one step, in MiB.
        inference: whether a form may be chosen that is faster without a gradient.

    Returns:
        [B, H, O, e] (rows that see no key are zero) and the weights [B, H, O, M] or None.
    """
    bias, visible = _bias_of_masks(key_mask, attention_mask)
    weights = None
    sizes = (query.shape[0], query.shape[1], query.shape[2], key.shape[2])
    # What is faster on a CPU: on a card, whole budgets and complete rows of keys are.
    form, chunk = plan(*sizes, memory_mb, inference and not for_xla())
    if dropout is not None or return_weights:
        weights = tf.nn.softmax(chunked.logits_of(query, key, bias), axis=-1)
        dropped = weights if dropout is None else dropout(weights)
        output = product(tf.cast(dropped, value.dtype), value)
    elif form == "queries":
        output = chunked.chunked_over_queries(query, key, value, bias, chunk, inference)
    elif form == "keys":
        output = chunked.chunked_over_keys(query, key, value, bias, chunk)
    else:
        output = chunked.dense_attention(query, key, value, bias, inference)
    if visible is not None:
        output = tf.where(visible, output, tf.zeros_like(output))
        weights = weights if weights is None else tf.where(visible, weights, 0.0)
    return output, weights if return_weights else None


def _bias_of_masks(
    key_mask: tf.Tensor | None, attention_mask: tf.Tensor | None
) -> tuple[tf.Tensor | None, tf.Tensor | None]:
    """One float32 bias [B, 1, O|1, M], and which rows see a key at all [B, 1, O|1, 1]."""
    mask = None
    if key_mask is not None:
        mask = tf.cast(key_mask, tf.bool)[:, None, None, :]
    if attention_mask is not None:
        pairs = tf.cast(attention_mask, tf.bool)[:, None, :, :]
        mask = pairs if mask is None else tf.logical_and(mask, pairs)
    if mask is None:
        return None, None
    return tf.where(mask, 0.0, chunked.MASKED), tf.reduce_any(mask, -1, keepdims=True)


class Memory(NamedTuple):
    """Keys and values, prepared once for any number of queries.

    With absorbed queries, d is their input's channels and one more, which is 1 in the queries. With padded ones, the
    query input is what `padded_norm.coefficients` returns, which has that channel.
    """

    key: tf.Tensor  # [B, H, M, d]
    value: tf.Tensor  # [B, H, M, e]
    absorbed: str  # "" | "keys" | "queries" | "padded queries": whose linear maps are folded into the other side
    # [1, k], that ends all queries, which are then given without it
    padding: tf.Tensor | None = None


@register
class Attention(keras.layers.Layer):
    """Multi-head attention of a query input to a key/value input, with its four linear maps.

    With one head, the maps of the longer side can be absorbed into the shorter one. With few queries
    and many keys, q·(x·Wk + bk)ᵀ = (q·Wkᵀ)·xᵀ + a constant per row, which softmax cancels, and the
    value map is applied after the sum. With many queries and few keys, Wq moves into the keys and the
    output map into the values. This is exact algebra, used where it takes fewer multiplications.

    Args:
        num_heads: heads; must divide `qk_dim` and `v_dim`.
        qk_dim: channels of queries and keys, all heads together; default: those of the query input.
        v_dim: channels of the values; default: `qk_dim`.
        output_dim: channels of the output; default: `v_dim`.
        dropout: rate on the attention weights in training, which then uses the dense form.
        memory_mb: limit on the logits of one step, in MiB (see `attend`).

    Call:
        inputs: (query input [B, O, Q] or, the same for all examples, [1, O, Q]; key/value input [B, M, C]).
        key_mask [B, M], query_mask [B, O], attention_mask [B, O, M]: true where visible. A query that
            is masked or sees no key gets zero before the output map, so only that map's bias remains.
        Returns [B, O, output_dim], and with `return_attention=True` also the weights [B, H, O, M].
    """

    def __init__(
        self,
        *,
        num_heads: int = 1,
        qk_dim: int | None = None,
        v_dim: int | None = None,
        output_dim: int | None = None,
        dropout: float = 0.0,
        memory_mb: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.qk_dim = qk_dim
        self.v_dim = v_dim
        self.output_dim = output_dim
        self.dropout_rate = dropout
        self.memory_mb = memory_mb
        self.dropout = Dropout(dropout, name="dropout", dtype="float32")

    def build(self, input_shape: Any) -> None:
        query_shape, kv_shape = map(tf.TensorShape, input_shape)
        qk = self.qk_dim or query_shape[-1]
        v = self.v_dim or qk
        for name, size in (("qk_dim", qk), ("v_dim", v)):
            if size % self.num_heads:
                raise ValueError(
                    f"{self.name}: {name} {size} can't be split evenly into {self.num_heads} heads; "
                    f"choose a number of heads that divides it."
                )
        self.query, self.key, self.value, self.out = (
            Linear(units, name=name, dtype=self.dtype_policy)
            for name, units in (
                ("query", qk),
                ("key", qk),
                ("value", v),
                ("out", self.output_dim or v),
            )
        )
        build_part(self.query, query_shape)
        build_part(self.key, kv_shape)
        build_part(self.value, kv_shape)
        build_part(self.out, query_shape[:-1].concatenate([v]))
        build_part(self.dropout, (None, None, None, None))
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
        query_input, kv_input = inputs
        memory = self.memory_of(kv_input, query_input.shape[1], training=training)
        return self.query_memory(
            query_input,
            memory,
            key_mask=key_mask,
            query_mask=query_mask,
            attention_mask=attention_mask,
            training=training,
            return_attention=return_attention,
        )

    def memory_of(
        self, kv_input: tf.Tensor, num_queries: int | None, training: bool | None = None
    ) -> Memory:
        """Prepares the key/value input [B, M, C] for `num_queries` queries (None: many)."""
        absorbed = self._cheaper(num_queries, kv_input.shape[1])
        if self._drops(training):
            absorbed = ""  # absorbed biases need weights that sum to one; dropped weights don't
        if absorbed == "keys":
            # The raw inputs are both keys and values; their maps move to the query and the output.
            return Memory(kv_input[:, None], kv_input[:, None], absorbed)
        key, value = self.key(kv_input), self.value(kv_input)
        if absorbed == "queries":
            scale = self.query.units**-0.5
            # The query's bias is one more row of its kernel, for a channel of the query that is 1: a sum with the
            # logits would be one more pass over the largest array of the model.
            kernel = tf.concat(
                [self._cast(self.query.kernel), self._cast(self.query.bias)[None]], 0
            )
            key = tf.einsum("bmd,qd->bmq", key, kernel) * scale
            value = tf.einsum("bmv,ve->bme", value, self._cast(self.out.kernel))
            return Memory(key[:, None], value[:, None], absorbed)
        return Memory(self._split(key), self._split(value), absorbed)

    def query_memory(
        self,
        query_input: tf.Tensor,
        memory: Memory,
        *,
        key_mask: tf.Tensor | None = None,
        query_mask: tf.Tensor | None = None,
        attention_mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        """Attention of [B, O, Q] to what `memory_of` returned; see `call`."""
        if memory.absorbed == "padded queries":
            query = query_input[:, None]
        elif memory.absorbed == "queries":
            query = tf.concat([query_input, tf.ones_like(query_input[:, :, :1])], -1)[:, None]
        else:
            query = self.query(query_input) * (self.query.units // self.num_heads) ** -0.5
            if memory.absorbed == "keys":
                query = tf.einsum("bod,cd->boc", query, self._cast(self.key.kernel))[:, None]
                # Softmax cancels the key's bias. Adding zero gives it a gradient, which optimizers require.
                query += 0.0 * tf.reduce_sum(self._cast(self.key.bias))
            else:
                query = self._split(query)
        if query.shape[0] == 1 and memory.key.shape[0] != 1:
            shape = [chunked.axis_size(query, axis) for axis in range(1, 4)]
            query = tf.broadcast_to(query, [chunked.axis_size(memory.key, 0), *shape])
        dropout = None
        if self._drops(training):
            dropout = lambda weights: self.dropout(weights, training=training)  # noqa: E731
        output, weights = attend(
            query,
            memory.key,
            memory.value,
            key_mask=key_mask,
            attention_mask=attention_mask,
            memory_mb=self.memory_mb,
            dropout=dropout,
            inference=training is None or training is False,
            return_weights=return_attention,
        )
        output = self._merge(output)
        if memory.absorbed == "keys":
            output = self._after_sum(output, key_mask, attention_mask)
        if query_mask is not None:
            seen = tf.cast(query_mask, tf.bool)
            output = tf.where(seen[:, :, None], output, tf.zeros_like(output))
            if weights is not None:
                weights = tf.where(seen[:, None, :, None], weights, 0.0)
        out_is_absorbed = memory.absorbed in ("queries", "padded queries")
        output = output + self._cast(self.out.bias) if out_is_absorbed else self.out(output)
        return (output, weights) if return_attention else output

    def _after_sum(
        self,
        output: tf.Tensor,
        key_mask: tf.Tensor | None,
        attention_mask: tf.Tensor | None,
    ) -> tf.Tensor:
        """The value map after the weighted sum; rows that see no key stay zero."""
        output = self.value(output)
        _, visible = _bias_of_masks(key_mask, attention_mask)
        if visible is None:
            return output
        return tf.where(visible[:, 0], output, tf.zeros_like(output))

    def _cheaper(self, queries: int | None, keys: int | None) -> str:
        """The form with the fewest multiplications; an unknown size counts as a large one."""
        if self.num_heads != 1 or not self.out.use_bias:
            return ""
        many = 1 << 20
        o, m = queries or many, keys or many
        (q_in, qk), (kv_in, v) = self.query.kernel.shape, self.value.kernel.shape
        out = self.out.units
        cost = {
            "": o * q_in * qk + m * kv_in * (qk + v) + o * m * (qk + v) + o * v * out,
            "keys": o * q_in * qk + o * kv_in * (qk + v) + 2 * o * m * kv_in + o * v * out,
            "queries": m * (kv_in * qk + qk * q_in + kv_in * v + v * out) + o * m * (q_in + out),
        }
        return min(cost, key=cost.get)

    def _drops(self, training: bool | None) -> bool:
        return bool(self.dropout_rate) and training is not None and training is not False

    def _cast(self, weight: tf.Variable) -> tf.Tensor:
        return tf.cast(weight, self.compute_dtype)

    def _split(self, x: tf.Tensor) -> tf.Tensor:
        """[B, L, H·d] -> [B, H, L, d]."""
        length = chunked.axis_size(x, 1)
        x = tf.reshape(x, [-1, length, self.num_heads, x.shape[-1] // self.num_heads])
        return tf.transpose(x, [0, 2, 1, 3])

    def _merge(self, x: tf.Tensor) -> tf.Tensor:
        """[B, H, L, d] -> [B, L, H·d]."""
        length = chunked.axis_size(x, 2)
        x = tf.transpose(x, [0, 2, 1, 3])
        return tf.reshape(x, [-1, length, x.shape[2] * x.shape[3]])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_heads": self.num_heads,
            "qk_dim": self.qk_dim,
            "v_dim": self.v_dim,
            "output_dim": self.output_dim,
            "dropout": self.dropout_rate,
            "memory_mb": self.memory_mb,
        }
