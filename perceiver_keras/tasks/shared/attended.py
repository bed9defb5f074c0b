"""What the latents attended to: how the encoder's cross-attention is shared among the places of the input."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.byte_tokenizer import PAD
from perceiver_keras.errors import UsageError


def positions(model: keras.Model, inputs: Any, mask: tf.Tensor | None = None) -> tf.Tensor:
    """The mean over heads and latents [B, M], which sums to 1; M are the elements of the input array.

    Args:
      model: A Perceiver IO; the stages after the encoder are not computed.
      inputs: As `preprocess` takes them.
      mask: [B, M], true where there is something.
    """
    array = model.preprocess(inputs, training=False)
    _, weights = model.encode(array, key_mask=mask, training=False, return_attention=True)
    return tf.reduce_mean(tf.cast(weights, tf.float32), axis=[1, 2])


def places(shares: tf.Tensor, height: int, width: int, frames: int = 1) -> tf.Tensor:
    """[B, M] over pictures of that size as a grid [B, rows, columns], and [B, frames, rows, columns] for several."""
    from perceiver_keras.show.attention import grid_of

    grid = grid_of(shares.shape[1] // frames, height, width)
    return tf.reshape(shares, [-1, *([frames] if frames > 1 else []), *grid])


def first(ids: tf.RaggedTensor, length: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The first `length` tokens of each text [B, length], and where there are any."""
    dense = ids[:, :length].to_tensor(PAD, shape=[None, length])
    return dense, tf.sequence_mask(ids.row_lengths(), length)


def bytes_only(config: Any) -> None:
    """Raises `UsageError` if the model reads pieces: then a place of the input is no place of the text."""
    if config.data.sentencepiece is not None:
        raise UsageError(
            "--attention is for models that read bytes; this one reads SentencePiece's pieces."
        )
