"""Two texts as one sequence of tokens, with the id SEP between them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from perceiver_keras.data.text.byte_tokenizer import SEP, Encoded, fit


def join(first: tf.Tensor, second: tf.Tensor, tokenizer: Any, length: int) -> Encoded:
    """Strings [] to ids [length], SEP between the texts.

    If both are too long, each gets half of the room; a short one leaves its rest to the other. `cut` counts the tokens
    of both that did not fit.
    """
    room = length - 1
    both = tokenizer.encode(tf.stack([first, second]), specials=False)
    left, right = both[0], both[1]
    kept = tf.minimum(tf.size(left), tf.maximum(room - tf.size(right), (room + 1) // 2))
    ids = tf.concat([left[:kept], [SEP], right[: room - kept]], 0)
    cut = tf.size(left) + tf.size(right) + 1 - tf.size(ids)
    return fit(ids, length)._replace(cut=cut)
