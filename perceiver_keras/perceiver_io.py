"""A Perceiver IO for arrays of one's own: the six stages, with sizes from a few arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.config import DecodeConfig, EncodeConfig, ProcessConfig
from perceiver_keras.config_tree import tagged
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode, broadcast_to_batch
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.layers.linear import register
from perceiver_keras.perceiver import Perceiver
from perceiver_keras.perceiver_io_checks import (
    array_of,
    checked_arguments,
    flat_mask,
    mask_of,
)
from perceiver_keras.postprocess.array import ArrayPostprocess
from perceiver_keras.preprocess.array import ArrayPreprocess, position_of
from perceiver_keras.process import Process
from perceiver_keras.query import ARRAY_SOURCES, ArrayQuery, LearnedQuery

PARTS = ("inputs", "mask", "queries", "query_mask")


@register
class PerceiverIO(Perceiver):
    """Perceiver IO (paper, section 3) from arrays of any rank to arrays, with the sizes that are given.

        model = pk.PerceiverIO(num_latents=64, latent_dim=128, depth=4, output_dim=10)
        logits = model(pictures)                                    # [B, H, W, C] -> [B, 10]

    Args:
        num_latents: N, the size of the array of latents.
        latent_dim: D, the channels of a latent.
        depth: self-attention layers of one block, each with weights of its own.
        num_blocks: how often the block is applied, with the same weights.
        queries: what the outputs are.
            None: one output `[B, E]`, from one learned query. A number O: `[B, O, E]`, from O learned queries.
            "inputs": one output per input element, `[B, *grid, E]`, asked for by the element and its position.
            "positions": the same, asked for by the position alone.
            "given": the call's `queries` `[B, *shape, Q]`, or `[O, Q]` for all examples -> `[B, *shape, E]`.
        output_dim: E; None: `query_dim`.
        positions: "fourier", "learned", a `FourierPosition` or `LearnedPosition` of `perceiver_keras.config`, or None:
            the elements are a set, whose order does not matter.
        max_shape: the largest grid (a number for sequences). The positions are then those of this grid, whatever the
            size of a batch, so that padding under a mask changes nothing. None: Fourier positions go from -1 to 1 over
            whatever grid is given, and for learned ones the first grid is the largest.
        query_dim: channels of queries; None: `latent_dim`. Other queries than learned ones pass a Linear to it.
        num_self_attention_heads: None: 8, or the most below that divide `latent_dim`.
        num_cross_attention_heads: of the encoder and the decoder.
        widening_factor, activation, dropout, attention_dropout: as in `EncodeConfig` and `PerceiverConfig`.
        attention_memory_mb: limit on the logits of one attention step, in MiB.

    Call:
        inputs: `[B, *grid, C]`, of one dimension of elements or more, a ragged `[B, (M), C]`, or a dictionary with
            "inputs" and any of "mask", "queries" and "query_mask", as `fit` takes it.
        mask: `[B, *grid]` or `[B, M]`, true where real; what is masked does not matter, NaN included. Keras's own
            masks, of `Embedding(mask_zero=True)` or `Masking`, count too.
        queries: with queries="given". query_mask: `[B, *shape]`, true where real; the others see no latent.
        return_attention: also return the maps of `Perceiver`.
        Returns float32.

    Raises:
        UsageError: an argument or a shape is wrong, in one line.
    """

    def __init__(
        self,
        *,
        num_latents: int,
        latent_dim: int,
        depth: int = 6,
        queries: int | str | None = None,
        output_dim: int | None = None,
        positions: Any = "fourier",
        max_shape: int | Sequence[int] | None = None,
        num_blocks: int = 1,
        query_dim: int | None = None,
        num_self_attention_heads: int | None = None,
        num_cross_attention_heads: int = 1,
        widening_factor: int = 1,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        activation: str = "gelu_tanh",
        attention_memory_mb: int = 256,
        **kwargs: Any,
    ) -> None:
        args = checked_arguments(
            {
                "num_latents": num_latents,
                "latent_dim": latent_dim,
                "depth": depth,
                "queries": queries,
                "output_dim": output_dim,
                "positions": positions,
                "max_shape": max_shape,
                "num_blocks": num_blocks,
                "query_dim": query_dim,
                "num_self_attention_heads": num_self_attention_heads,
                "num_cross_attention_heads": num_cross_attention_heads,
                "widening_factor": widening_factor,
                "dropout": dropout,
                "attention_dropout": attention_dropout,
                "activation": activation,
                "attention_memory_mb": attention_memory_mb,
            }
        )
        position = position_of(positions)
        source = _source(args["queries"])
        if source == "positions" and position is None:
            raise UsageError("queries='positions' need positions; got positions=None.")
        dtype = {"dtype": kwargs.get("dtype")}
        stage = {key: args[key] for key in ("activation", "attention_memory_mb")} | dtype
        drops = {key: args[key] for key in ("widening_factor", "dropout", "attention_dropout")}
        width = args["latent_dim"]
        # The input may have few channels, which the heads need not divide: attention has the latents' width.
        heads = args["num_cross_attention_heads"]
        cross = drops | {"num_cross_attention_heads": heads, "qk_dim": width}
        encode = EncodeConfig(num_latents=args["num_latents"], latent_dim=width, **cross)
        process = ProcessConfig(
            num_self_attention_layers=args["depth"],
            num_self_attention_heads=args["num_self_attention_heads"] or math.gcd(8, width),
            num_blocks=args["num_blocks"],
            **drops,
        )
        # The residual keeps what a query says when it reaches the MLP.
        decode = DecodeConfig(output_dim=args["output_dim"], use_query_residual=True, **cross)
        asks = {"channels": args["query_dim"] or width, "name": "query", **dtype}
        count = args["queries"] or 1
        super().__init__(
            preprocess=ArrayPreprocess(
                positions=position, max_shape=args["max_shape"], name="preprocess", **dtype
            ),
            encode=Encode(encode, name="encode", **stage),
            process=Process(process, name="process", **stage),
            query=ArrayQuery(source=source, **asks)
            if source
            else LearnedQuery(num_queries=count, **asks),
            decode=Decode(decode, name="decode", **stage),
            postprocess=ArrayPostprocess(like=_likes(args["queries"]), name="postprocess", **dtype),
            **kwargs,
        )
        if not tf.as_dtype(self.compute_dtype).is_floating:
            raise UsageError(f"dtype: expected a floating one; got {self.compute_dtype!r}.")
        self.supports_masking = True
        self._supports_ragged_inputs = True
        # Keras would wrap what it holds, and save it as part of the model.
        object.__setattr__(self, "_arguments", args)
        object.__setattr__(self, "_first_shapes", None)

    @unconverted
    def call(
        self,
        inputs: Any,
        mask: tf.Tensor | None = None,
        queries: tf.Tensor | None = None,
        query_mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> Any:
        parts = _parts(inputs, mask=mask, queries=queries, query_mask=query_mask)
        inputs, mask = self._checked_inputs(parts)
        queries = self._checked_queries(parts["queries"], inputs)
        self._remember(inputs, queries)
        flat = flat_mask("mask", mask, inputs)
        if flat is not None:
            # A softmax weight of zero times NaN would still be NaN.
            visible = tf.reshape(flat, tf.concat([tf.shape(inputs)[:-1], [1]], 0))
            inputs = tf.where(visible, inputs, tf.zeros_like(inputs))
        asked = queries if queries is not None else inputs
        return super().call(
            inputs,
            mask=flat,
            query_mask=flat_mask("query_mask", parts["query_mask"], asked, self._count()),
            points=queries,
            training=training,
            return_attention=return_attention,
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """With queries="inputs", an output is as real as its element: Keras's losses leave the others out."""
        if self._arguments["queries"] != "inputs":
            return None
        parts = _parts(inputs, mask=mask)
        array, mask = self._checked_inputs(parts)
        flat = flat_mask("mask", mask, array)
        return None if flat is None else tf.reshape(flat, tf.shape(array)[:-1])

    def get_config(self) -> dict[str, Any]:
        config = dict(self._arguments)
        if not isinstance(config["positions"], (str, dict, type(None))):
            config["positions"] = tagged(config["positions"])
        return config | {"name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PerceiverIO:
        return cls(**config)

    def get_build_config(self) -> dict[str, Any] | None:
        return self._first_shapes

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Creates the weights by one symbolic call on the shapes of the first call."""
        symbols = {
            name: keras.Input(shape[1:]) for name, shape in config.items() if shape is not None
        }
        self(symbols["inputs"], queries=symbols.get("queries"))

    def _count(self) -> int | None:
        """How many learned queries there are; None if the queries have the shape of an array."""
        queries = self._arguments["queries"]
        return 1 if queries is None else queries if isinstance(queries, int) else None

    def _checked_inputs(self, parts: Mapping[str, Any]) -> tuple[tf.Tensor, Any]:
        """The array [B, *grid, C], and its mask or None."""
        inputs, mask = parts["inputs"], parts["mask"]
        if isinstance(inputs, tf.RaggedTensor):
            inputs, mask = self._padded(inputs, mask)
        inputs = array_of("inputs", inputs)
        first = self._first_shapes
        if first is not None:
            rank, channels = len(first["inputs"]), first["inputs"][-1]
            if inputs.shape.rank != rank or inputs.shape[-1] != channels:
                raise UsageError(
                    f"inputs: the model was built for {rank} dimensions with {channels} channels; got the shape "
                    f"{tuple(inputs.shape)}."
                )
        elif inputs.shape[-1] == 1 and self._arguments["positions"] is None:
            raise UsageError(
                "inputs: with one channel and positions=None the layer norm before attention makes all elements alike; "
                "give positions, or more channels: keras.layers.Dense(32)(inputs)."
            )
        return inputs, mask

    def _padded(self, ragged: tf.RaggedTensor, mask: Any) -> tuple[tf.Tensor, tf.Tensor]:
        if mask is not None:
            raise UsageError("mask: ragged inputs say themselves what is real; leave the mask out.")
        if ragged.ragged_rank != 1:
            raise UsageError(
                f"inputs: expected one ragged dimension, [B, (M), C]; got {ragged.ragged_rank} of them."
            )
        if self._arguments["positions"] is not None and self._arguments["max_shape"] is None:
            raise UsageError(
                "inputs: the positions of ragged inputs depend on the longest of the batch; give max_shape, the "
                "longest of all."
            )
        dense = ragged.to_tensor()
        return dense, tf.sequence_mask(ragged.row_lengths(), tf.shape(dense)[1])

    def _checked_queries(self, queries: Any, inputs: tf.Tensor) -> tf.Tensor | None:
        """The queries of the call as [B, *shape, Q]; None if the model has its own."""
        if self._arguments["queries"] != "given":
            if queries is not None:
                raise UsageError(
                    f"queries: the model was made with queries={self._arguments['queries']!r} and takes none in a "
                    "call; make it with queries='given'."
                )
            return None
        if queries is None:
            raise UsageError(
                "queries: the model was made with queries='given'; call it as model(inputs, queries=array) or with a "
                "dictionary of inputs and queries."
            )
        queries = array_of("queries", queries, rank=2)
        if queries.shape.rank == 2:
            queries = broadcast_to_batch(queries, inputs)
        batches = inputs.shape[0], queries.shape[0]
        if None not in batches and 1 not in batches and batches[0] != batches[1]:
            raise UsageError(
                f"queries: expected those of {batches[0]} examples, as many as the inputs have; got the shape "
                f"{tuple(queries.shape)}."
            )
        first = self._first_shapes
        if first is not None and queries.shape[-1] != first["queries"][-1]:
            raise UsageError(
                f"queries: the model was built for {first['queries'][-1]} channels; got the shape "
                f"{tuple(queries.shape)}."
            )
        return queries

    def _remember(self, inputs: tf.Tensor, queries: tf.Tensor | None) -> None:
        if self._first_shapes is None:
            first = {
                "inputs": [None, *inputs.shape[1:]],
                "queries": None if queries is None else [None, *queries.shape[1:]],
            }
            object.__setattr__(self, "_first_shapes", first)


def _source(queries: Any) -> str | None:
    """Which array the queries come from; None if they are learned."""
    if queries is None:
        return None
    if isinstance(queries, str) and queries in ARRAY_SOURCES:
        return queries
    if isinstance(queries, int) and not isinstance(queries, bool) and queries > 0:
        return None
    if hasattr(queries, "shape"):
        raise UsageError(
            f"queries: got an array of shape {tuple(queries.shape)}; make the model with queries='given', and give the "
            "array to each call: model(inputs, queries=array)."
        )
    raise UsageError(
        f"queries: expected None, a number of learned queries, or one of {', '.join(map(repr, ARRAY_SOURCES))}; got "
        f"{queries!r}."
    )


def _likes(queries: int | str | None) -> str:
    if queries is None:
        return "one"
    if isinstance(queries, int):
        return "list"
    return "queries" if queries == "given" else "inputs"


def _parts(inputs: Any, **rest: Any) -> dict[str, Any]:
    """The four parts of a call, which may come as one dictionary."""
    parts = dict.fromkeys(PARTS) | rest
    if not isinstance(inputs, Mapping):
        return parts | {"inputs": inputs, "mask": mask_of(parts["mask"])}
    for name in inputs:
        if name not in PARTS:
            raise UsageError(f"inputs: there is no part {name!r}.{nearest(str(name), PARTS)}")
    if "inputs" not in inputs:
        raise UsageError(f"inputs: the dictionary has {sorted(inputs)}, but no 'inputs'.")
    return parts | {"mask": mask_of(parts["mask"])} | dict(inputs)
