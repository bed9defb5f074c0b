"""Decoded outputs of several modalities, split and passed to the postprocess layer of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.modalities import Modalities


@register
class MultimodalPostprocess(Modalities):
    """Splits the outputs in alphabetical order of the modalities.

    Args:
        modalities: postprocess layer by modality.
        sizes: number of outputs of each modality when all are wanted.

    Call: [B, O, E] -> {modality: its outputs}; `points` {modality: [P] or [B, P]} as passed to the query.
    """

    def __init__(
        self, *, modalities: Mapping[str, Any], sizes: Mapping[str, int], **kwargs: Any
    ) -> None:
        super().__init__(modalities=modalities, **kwargs)
        self.sizes = dict(sizes)

    def build(self, input_shape: Any) -> None:
        for part in self.modalities.values():
            build_part(part, input_shape)
        super().build(input_shape)

    def call(
        self,
        outputs: tf.Tensor,
        inputs: Any = None,
        points: Mapping[str, tf.Tensor] | None = None,
    ) -> dict[str, tf.Tensor]:
        points = points or {}
        results, start = {}, 0
        for name, part in self.modalities.items():
            own = points.get(name)
            size = self.sizes[name] if own is None else axis_size(own, own.shape.rank - 1)
            results[name] = part(outputs[:, start : start + size], points=own)
            start += size
        return results

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"sizes": dict(self.sizes)}
