"""Perceiver IO: the seven stages of the paper's figure 2, but for the data and the loss."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import register

STAGES = ("preprocess", "encode", "process", "query", "decode", "postprocess")


@register
class Perceiver(keras.Model):
    """preprocess -> encode -> process -> decode (asked by query) -> postprocess.

    Args:
        preprocess, encode, process: inputs -> [B, M, C] -> latents [B, N, D] -> latents.
        query, decode, postprocess: [B, M, C] -> queries [B, O, Q] -> [B, O, E] -> the task's outputs.

    Call:
        inputs: what `preprocess` takes.
        mask: [B, M], true where an element of the array is real; the encoder sees no other.
        query_mask: [B, O], true where an output is wanted.
        points: the output points asked for; None: all.
        Returns the task's outputs; with `return_attention=True` also {"encode": [B, H, N, M],
        "process": list of [B, H, N, N], "decode": [B, H, O, N]}.
    """

    def __init__(
        self,
        preprocess: keras.layers.Layer,
        encode: keras.layers.Layer,
        process: keras.layers.Layer,
        query: keras.layers.Layer,
        decode: keras.layers.Layer,
        postprocess: keras.layers.Layer,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.preprocess = preprocess
        self.encode = encode
        self.process = process
        self.query = query
        self.decode = decode
        self.postprocess = postprocess

    def call(
        self,
        inputs: Any,
        mask: tf.Tensor | None = None,
        query_mask: tf.Tensor | None = None,
        points: Any = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> Any:
        want = {"training": training, "return_attention": return_attention}
        array = self.preprocess(inputs, training=training)
        encoded = self.encode(array, key_mask=mask, **want)
        latents, encode_map = encoded if return_attention else (encoded, None)
        processed = self.process(latents, **want)
        latents, process_maps = processed if return_attention else (processed, None)
        queries = self.query(array, inputs=inputs, points=points)
        decoded = self.decode((queries, latents), query_mask=query_mask, **want)
        decoded, decode_map = decoded if return_attention else (decoded, None)
        outputs = self.postprocess(decoded, inputs=inputs, points=points)
        maps = {"encode": encode_map, "process": process_maps, "decode": decode_map}
        return (outputs, maps) if return_attention else outputs

    def get_config(self) -> dict[str, Any]:
        stages = {s: keras.saving.serialize_keras_object(getattr(self, s)) for s in STAGES}
        return {"name": self.name, **stages}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Perceiver:
        stages = {s: keras.saving.deserialize_keras_object(config[s]) for s in STAGES}
        return cls(**stages, name=config.get("name"))
