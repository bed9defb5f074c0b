"""Chooses the tokens that a language model has to guess: a random crop of the text, then single tokens or whole words.

Stateless: the same seed gives the same masks. Training draws a seed per epoch and example. Evaluation derives it from
the text itself, so that an example is judged on the same masks in training, in TFMA and anywhere else.
"""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from perceiver_keras.data.seeds import fold_in
from perceiver_keras.data.text.byte_tokenizer import MASK, fit

Masking = Literal["tokens", "words"]
NOT_ASKED = -1  # the target of a token that is not masked


def mask_text(
    text: tf.Tensor,
    tokenizer: Any,
    length: int,
    masking: Masking,
    rate: float,
    seed: tf.Tensor | None,
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """A text, string [], to a model's inputs and targets.

    Args:
      text: Any bytes; may be empty.
      tokenizer: With the methods of `byte_tokenizer.ByteTokenizer`.
      length: The model's length. A longer text is cropped to it.
      masking: "tokens": each token by itself; "words": whole words, split at white space (paper, App. F.3).
      rate: Probability that a token or word is masked.
      seed: int32 [2]; None: derived from the text. In that case a text with `[MASK]`s is asked about these and
        nothing else, like a served example.

    Returns:
      ({"ids": int32 [length], "mask": bool [length]}, targets int32 [length], `NOT_ASKED` where not masked).
    """
    by_itself = seed is None
    if by_itself:
        seed = tf.cast(tf.stack([tf.strings.to_hash_bucket_fast(text, 1 << 31), 0]), tf.int32)
    ids = tokenizer.encode(tf.reshape(text, [1]), specials=by_itself).values
    given = ids == MASK
    ask = by_itself & tf.reduce_any(given)
    # A crop around the first [MASK]. The True at the end stands in where there is none, and for an empty text.
    first = tf.argmax(tf.concat([given, [True]], 0), output_type=tf.int32) - length // 2
    last = tf.maximum(tf.size(ids) - length, 0)
    drawn = tf.random.stateless_uniform([], fold_in(seed, 1), 0, last + 1, tf.int32)
    start = tf.where(ask, tf.clip_by_value(first, 0, last), drawn)
    ids, there, _ = fit(ids[start:], length)
    hidden = there & chosen(tokenizer, ids, masking, rate, fold_in(seed, 2)) & ~ask
    inputs = {"ids": tf.where(hidden, MASK, ids), "mask": there}
    return inputs, tf.where(hidden, ids, NOT_ASKED)


def chosen(
    tokenizer: Any, ids: tf.Tensor, masking: Masking, rate: float, seed: tf.Tensor
) -> tf.Tensor:
    """bool [n]: which of the ids [n] to mask."""
    size = tf.size(ids)
    draws = tf.random.stateless_uniform([size + 1], seed) < rate
    if masking == "tokens":
        return tf.ensure_shape(draws[:size], ids.shape)
    words = tokenizer.word_numbers(ids)  # numbers from 0 to at most n
    return (words >= 0) & tf.gather(draws, tf.maximum(words, 0))
