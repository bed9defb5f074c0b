"""Perceiver IO: a model as the composition of its six stages (paper, figure 2; docs/architecture.md)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.layers.linear import register

STAGES = ("preprocess", "encode", "process", "query", "decode", "postprocess")


@register
class Perceiver(keras.Model):
    """preprocess, encode, process: inputs -> [B, M, C] -> latents [B, N, D] -> latents; then
    query, decode, postprocess: [B, M, C] -> queries [B, O, Q] -> [B, O, E] -> the task's outputs.

    Call: inputs, as `preprocess` takes them; mask [B, M] and query_mask [B, O], true where real;
        points, the outputs wanted (None: all). Returns the task's outputs, and with
        `return_attention=True` also the maps {"encode": [B, H, N, M], "process": list of
        [B, H, N, N], "decode": [B, H, O, N]}.
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

    @unconverted
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
        array, latents, maps = self.read(inputs, mask, **want)
        queries = self.query(array, inputs=inputs, points=points)
        decoded = self.decode((queries, latents), query_mask=query_mask, **want)
        if return_attention:
            decoded, maps["decode"] = decoded
        outputs = self.postprocess(decoded, inputs=inputs, points=points)
        return (outputs, maps) if return_attention else outputs

    def read(self, inputs: Any, mask: tf.Tensor | None = None, **want: Any) -> tuple:
        """Preprocess, encode and process: the array [B, M, C], the latents [B, N, D], the attention maps."""
        array = self.preprocess(inputs, training=want["training"])
        if not want["return_attention"]:
            return array, self.process(self.encode(array, key_mask=mask, **want), **want), {}
        latents, encode_map = self.encode(array, key_mask=mask, **want)
        latents, process_maps = self.process(latents, **want)
        return array, latents, {"encode": encode_map, "process": process_maps}

    def get_config(self) -> dict[str, Any]:
        stages = {s: keras.saving.serialize_keras_object(getattr(self, s)) for s in STAGES}
        return {"name": self.name, **stages}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Perceiver:
        stages = {s: keras.saving.deserialize_keras_object(config[s]) for s in STAGES}
        return cls(**stages, name=config.get("name"))
