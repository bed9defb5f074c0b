"""A plain Transformer encoder, pre-norm, in the place of the latents: the paper's BERT baseline (section 4.1).

It has the same six stages. What differs is that there are no latents: `encode` puts the queries, as [CLS]-like tokens,
before the inputs, `process` is self-attention over all of them, and `decode` takes the outputs at the tokens, or at the
inputs themselves where each input has an output of its own (bytes, entities).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import DecodeConfig, PerceiverConfig, TransformerConfig
from perceiver_keras.config_tree import from_dict, to_dict
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.blocks import SelfAttentionBlock
from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import Linear, build_part, register
from perceiver_keras.layers.normalization import LayerNorm
from perceiver_keras.layers.recompute import keeping_inputs, recomputes
from perceiver_keras.query import InputQuery

MOST_INPUTS = 8192  # the cost of self-attention grows with their square


@register
class TransformerEncode(keras.layers.Layer):
    """The inputs at the width of the Transformer, after the queries if these are tokens.

    Args:
        width: channels D.
        tokens: whether the queries come first; else the inputs are alone.

    Call: (queries [B, O, Q], array [B, M, C]) -> [B, O + M, D], or [B, M, D]. Arrays of width D stay as they are.
    """

    def __init__(self, *, width: int, tokens: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.tokens = tokens

    def build(self, input_shape: Any) -> None:
        queries, array = map(tf.TensorShape, input_shape)
        self.inputs = self._fitting("inputs", array)
        # Queries as wide as the inputs go through the same Linear, as [CLS] is one of a text's embeddings.
        self.apart = self.tokens and queries[-1] != array[-1]
        self.queries = self._fitting("queries", queries) if self.apart else None
        super().build(input_shape)

    def _fitting(self, name: str, shape: tf.TensorShape) -> Linear | None:
        if shape[-1] == self.width:
            return None
        part = Linear(self.width, name=name, dtype=self.dtype_policy)
        build_part(part, shape)
        return part

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        queries, array = inputs
        if self.tokens and not self.apart:
            array = tf.concat([queries, array], axis=1)
        array = array if self.inputs is None else self.inputs(array)
        if not self.apart:
            return array
        queries = queries if self.queries is None else self.queries(queries)
        return tf.concat([queries, array], axis=1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"width": self.width, "tokens": self.tokens}


@register
class TransformerProcess(keras.layers.Layer):
    """Layers of self-attention, each with weights of its own, and a last norm.

    Args:
        config: the sizes, as a dataclass or a plain dictionary.
        activation: of the MLPs, "gelu_tanh" or "gelu".
        attention_memory_mb: limit on the logits of one attention step, in MiB.

    Call: [B, S, D], key_mask [B, S] (true where visible) -> [B, S, D], and with `return_attention=True` also a list of
        weights [B, H, S, S], one per layer.
    """

    def __init__(
        self,
        config: TransformerConfig | dict[str, Any],
        *,
        activation: str = "gelu_tanh",
        attention_memory_mb: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(config, dict):
            config = from_dict(TransformerConfig, config)
        self.config = config
        self.activation = activation
        self.attention_memory_mb = attention_memory_mb
        self.self_attentions = [
            SelfAttentionBlock(
                num_heads=config.num_heads,
                widening_factor=config.widening_factor,
                activation=activation,
                dropout=config.dropout,
                attention_dropout=config.attention_dropout,
                memory_mb=attention_memory_mb,
                name=f"self_attention_{i}",
                dtype=self.dtype_policy,
            )
            for i in range(config.num_layers)
        ]
        self.norm = LayerNorm(name="norm", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        for layer in (*self.self_attentions, self.norm):
            build_part(layer, input_shape)
        super().build(input_shape)

    def call(
        self,
        sequence: tf.Tensor,
        key_mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, list[tf.Tensor]]:
        def run(layer: keras.layers.Layer, x: tf.Tensor) -> Any:
            return layer(x, key_mask=key_mask, training=training, return_attention=return_attention)

        again = training is True and recomputes() and not return_attention
        maps = []
        for layer in self.self_attentions:
            sequence = keeping_inputs(run, layer, sequence) if again else run(layer, sequence)
            if return_attention:
                sequence, weights = sequence
                maps.append(weights)
        sequence = self.norm(sequence)
        return (sequence, maps) if return_attention else sequence

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "config": to_dict(self.config),
            "activation": self.activation,
            "attention_memory_mb": self.attention_memory_mb,
        }


@register
class TransformerDecode(keras.layers.Layer):
    """The outputs at the tokens, or at the inputs, with the channels that postprocessing expects.

    Args:
        output_dim: channels E of a final Linear, as `DecodeConfig` has it; None: those of the queries.
        zero_init: whether that Linear starts at zero.
        tokens: whether the first O elements are the outputs.

    Call: (queries [B, O, Q], sequence [B, S, D]) -> [B, O, E]; `points` [P] selects some of the inputs' outputs.
    """

    def __init__(
        self, *, output_dim: int | None, zero_init: bool = False, tokens: bool, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.output_dim = output_dim
        self.zero_init = zero_init
        self.tokens = tokens
        self.out = None
        if output_dim is not None:
            self.out = Linear(output_dim, zero_init=zero_init, name="out", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        queries, sequence = map(tf.TensorShape, input_shape)
        self.projection = None
        if self.out is not None:
            build_part(self.out, sequence)
        elif sequence[-1] != queries[-1]:
            # Not `out`: a language model's is a start for other tasks.
            self.projection = Linear(queries[-1], name="projection", dtype=self.dtype_policy)
            build_part(self.projection, sequence)
        super().build(input_shape)

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor], points: tf.Tensor | None = None
    ) -> tf.Tensor:
        queries, sequence = inputs
        if self.tokens:
            sequence = sequence[:, : axis_size(queries, 1)]
        elif points is not None:
            sequence = tf.gather(sequence, points, axis=1)
        last = self.projection if self.out is None else self.out
        return sequence if last is None else last(sequence)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "output_dim": self.output_dim,
            "zero_init": self.zero_init,
            "tokens": self.tokens,
        }


def stages(
    config: TransformerConfig,
    query: keras.layers.Layer,
    decode: DecodeConfig,
    *,
    activation: str,
    attention_memory_mb: int,
) -> dict[str, keras.layers.Layer]:
    """The stages "encode", "process", "query" and "decode" of a model with this backbone.

    Args:
      config: Its sizes.
      query: The task's. Where it is one per input, the inputs themselves take its place.
      decode: Of the task, for the output channels.
      activation, attention_memory_mb: As in the Perceiver's stages.
    """
    tokens = not (isinstance(query, InputQuery) or getattr(query, "per_input", False))
    return {
        "encode": TransformerEncode(width=config.width, tokens=tokens, name="encode"),
        "process": TransformerProcess(
            config, activation=activation, attention_memory_mb=attention_memory_mb, name="process"
        ),
        "query": query if tokens else InputQuery(name="query"),
        "decode": TransformerDecode(
            output_dim=decode.output_dim, zero_init=decode.zero_init, tokens=tokens, name="decode"
        ),
    }


@tf.autograph.experimental.do_not_convert  # it would wrap the error
def run(
    model: Any,
    inputs: Any,
    mask: tf.Tensor | None = None,
    points: Any = None,
    training: bool | None = None,
    return_attention: bool = False,
) -> Any:
    """What `Perceiver.call` does, through these stages; the attention maps are {"process": one per layer}.

    Raises:
      UsageError: there are more than `MOST_INPUTS` inputs.
    """
    array = model.preprocess(inputs, training=training)
    _check(array.shape[1])
    tokens = model.encode.tokens
    queries = model.query(array, inputs=inputs, points=points if tokens else None)
    sequence = model.encode((queries, array))
    if tokens and mask is not None:
        # `mask[:, :1]` has the batch's size even where that is not known.
        seen = tf.repeat(tf.ones_like(mask[:, :1]), axis_size(queries, 1), axis=1)
        mask = tf.concat([seen, mask], axis=1)
    processed = model.process(
        sequence, key_mask=mask, training=training, return_attention=return_attention
    )
    processed, maps = processed if return_attention else (processed, None)
    decoded = model.decode((queries, processed), points=points)
    outputs = model.postprocess(decoded, inputs=inputs, points=points)
    return (outputs, {"process": maps}) if return_attention else outputs


def _check(count: int | None) -> None:
    if count is not None and count > MOST_INPUTS:
        raise UsageError(
            f"model.backbone=transformer: {count:,} inputs per example; self-attention, whose cost grows with their "
            f"square, takes at most {MOST_INPUTS:,}. Use smaller inputs, or model.backbone=perceiver."
        )


def check_task(name: str, takes: bool, config: PerceiverConfig) -> None:
    """Raises `UsageError` if the task named has no such model."""
    if config.backbone == "transformer" and not takes:
        raise UsageError(
            f"model.backbone=transformer: {name} has no Transformer, because its inputs are too many for "
            "self-attention; use model.backbone=perceiver."
        )
