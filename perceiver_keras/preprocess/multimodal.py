"""Several modalities to one array [B, M, C]: padded, masked, joined (docs/architecture.md, Preprocess)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.layers.dropout import next_seed, seed_weight
from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.modalities import Modalities, add_vector, pad_channels


@register
class MultimodalPreprocess(Modalities):
    """Preprocesses each modality, pads it to the widest one's channels + `min_padding_size`, and joins them.

    Args:
        modalities: preprocess layer by modality; the order in the array is alphabetical.
        min_padding_size: padding channels of the widest modality.
        mask_probs: by modality, the probability that a token is replaced by the modality's learned
            mask token, in training and at inference alike; 0 for modalities left out.
        inference_mask_probs: different probabilities outside training; None: the same. The released
            model was trained with labels masked half of the time, and is used with labels always masked.

    Call: {modality: inputs} -> [B, M, C].
    """

    def __init__(
        self,
        *,
        modalities: Mapping[str, Any],
        min_padding_size: int = 4,
        mask_probs: Mapping[str, float] | None = None,
        inference_mask_probs: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(modalities=modalities, **kwargs)
        self.min_padding_size = min_padding_size
        self.mask_probs = dict(mask_probs or {})
        self.inference_mask_probs = (
            None if inference_mask_probs is None else dict(inference_mask_probs)
        )
        for name in {**self.mask_probs, **(self.inference_mask_probs or {})}:
            if name not in self.modalities:
                raise ValueError(
                    f"mask_probs: {name!r} is not one of {', '.join(self.modalities)}."
                )

    def build(self, input_shape: Any) -> None:
        channels = {}
        for name, part in self.modalities.items():
            build_part(part, input_shape[name])
            channels[name] = part.compute_output_shape(input_shape[name])[-1]
        common = max(channels.values()) + self.min_padding_size
        self.paddings = {
            name: add_vector(self, f"{name}_padding", common - channels[name]) for name in channels
        }
        self.mask_tokens = {
            name: add_vector(self, f"{name}_mask_token", common) for name in channels
        }
        probs = [*self.mask_probs.values(), *(self.inference_mask_probs or {}).values()]
        self.mask_state = seed_weight(self, "mask_state") if any(0 < p < 1 for p in probs) else None
        super().build(input_shape)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        arrays = []
        for name, part in self.modalities.items():
            array = pad_channels(
                part(inputs[name], training=training), tf.convert_to_tensor(self.paddings[name])
            )
            arrays.append(self._mask(name, array, training))
        return tf.concat(arrays, axis=1)

    def _mask(self, name: str, array: tf.Tensor, training: bool | None) -> tf.Tensor:
        prob = self.mask_probs.get(name, 0.0)
        if self.inference_mask_probs is not None:
            other = self.inference_mask_probs.get(name, 0.0)
            if isinstance(training, (bool, type(None))):
                prob = prob if training else other
            elif prob != other:
                return tf.cond(
                    tf.cast(training, tf.bool),
                    lambda: self._replace(name, array, prob),
                    lambda: self._replace(name, array, other),
                )
        return self._replace(name, array, prob)

    def _replace(self, name: str, array: tf.Tensor, prob: float) -> tf.Tensor:
        token = tf.convert_to_tensor(self.mask_tokens[name])[None]
        if prob <= 0.0:
            # Adding zero gives the token a gradient, which optimizers require.
            return array + 0.0 * tf.reduce_sum(token)
        if prob >= 1.0:
            return tf.broadcast_to(token, tf.shape(array)) + 0.0 * array
        draws = tf.random.stateless_uniform(tf.shape(array)[:2], next_seed(self.mask_state))
        return tf.where((draws < prob)[:, :, None], token, array)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "min_padding_size": self.min_padding_size,
            "mask_probs": dict(self.mask_probs),  # plain dicts again; Keras wraps them
            "inference_mask_probs": (
                None if self.inference_mask_probs is None else dict(self.inference_mask_probs)
            ),
        }
