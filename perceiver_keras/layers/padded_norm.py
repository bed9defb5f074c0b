"""Layer norm of rows that end with the same channels, as a few channels.

LN([x, p]) has the channels of x and of p, but for a fixed p all rows lie in a small space: with the row's mean m and
reciprocal deviation r,

    LN([x, p]) = r·[x, 0]·scale + r·[0, p]·scale - r·m·scale + offset,

so its product with a key needs one number per channel of x and three more. A clip's pixels ask with 195 channels of
position and 831 of padding: the product takes a fifth of the multiplications, and the padding is never written.
"""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.layers.normalization import LayerNorm


def coefficients(norm: LayerNorm, x: tf.Tensor, padding: tf.Tensor) -> tf.Tensor:
    """The rows [..., n] that `padding` [1, k] ends, in n + 3 channels: `x·r`, `r`, `r·m` and 1."""
    padding = tf.cast(padding, x.dtype)
    channels = x.shape[-1] + padding.shape[-1]
    mean = (tf.reduce_sum(x, -1, keepdims=True) + tf.reduce_sum(padding)) / channels
    own = tf.reduce_mean(padding)
    around = tf.reduce_sum(tf.square(padding - own)) + padding.shape[-1] * tf.square(own - mean)
    variance = (tf.reduce_sum(tf.square(x - mean), -1, keepdims=True) + around) / channels
    per_deviation = tf.math.rsqrt(variance + norm.epsilon)
    parts = [x * per_deviation, per_deviation, mean * per_deviation, tf.ones_like(mean)]
    return tf.concat(parts, axis=-1)


def keys(norm: LayerNorm, key: tf.Tensor, padding: tf.Tensor) -> tf.Tensor:
    """What `coefficients` are multiplied with: [..., n + k + 1] -> [..., n + 3].

    Args:
        norm: of n + k channels.
        key: [..., n + k + 1], for normalised rows with another channel that is 1.
        padding: [1, k].
    """
    own = key.shape[-1] - 1 - padding.shape[-1]
    constant, key = key[..., -1:], key[..., :-1]
    scaled = key * tf.cast(norm.scale, key.dtype)
    ends = tf.cast(padding[0], key.dtype)
    parts = [
        scaled[..., :own],
        tf.reduce_sum(scaled[..., own:] * ends, -1, keepdims=True),
        -tf.reduce_sum(scaled, -1, keepdims=True),
        tf.reduce_sum(key * tf.cast(norm.offset, key.dtype), -1, keepdims=True) + constant,
    ]
    return tf.concat(parts, axis=-1)
