"""MixUp (arXiv 1710.09412) and CutMix (arXiv 1905.04899): one picture of two, and the first one's share. Stateless."""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.data.seeds import fold_in


def mixup(pictures: tf.Tensor, seed: tf.Tensor, alpha: float = 0.2) -> tuple[tf.Tensor, tf.Tensor]:
    """Two pictures [2, H, W, C] blended: ([H, W, C], the share of the first, float32 [], from Beta(alpha, alpha))."""
    # Beta as the share of one of two gammas.
    drawn = tf.random.stateless_gamma([2], seed, alpha)
    total = drawn[0] + drawn[1]
    share = tf.where(total > 0, tf.math.divide_no_nan(drawn[0], total), 0.5)
    return share * pictures[0] + (1.0 - share) * pictures[1], share


def cutmix(pictures: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A box of the first of [2, H, W, C] in the second: ([H, W, C], the box's share of the picture, float32 []).

    The box has the picture's shape, an area that is uniform from none to all, and a centre that is uniform in the
    picture; what lies outside is cut off.
    """
    height, width = pictures.shape[1:3]
    area = tf.random.stateless_uniform([], seed, alg="philox")
    length = tf.sqrt(1.0 - area)
    masks = []
    for number, size in enumerate((height, width), 1):
        centre = tf.random.stateless_uniform(
            [], fold_in(seed, number), maxval=size, dtype=tf.int32, alg="philox"
        )
        half = tf.cast(length * float(size), tf.int32) // 2
        places = tf.range(size)
        masks.append((places >= centre - half) & (places < centre + half))
    box = (masks[0][:, None] & masks[1][None])[..., None]
    share = tf.reduce_mean(tf.cast(box, tf.float32))
    return tf.where(box, pictures[0], pictures[1]), share
