"""MixUp and CutMix: what a mixed picture is made of, and how the shares are distributed."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from scipy import stats

from perceiver_keras.data import mixing

HEIGHT, WIDTH, MANY = 24, 40, 600
TWO = tf.stack([tf.ones([HEIGHT, WIDTH, 3]), tf.zeros([HEIGHT, WIDTH, 3])])


@tf.function
def _each(mix) -> tuple[tf.Tensor, tf.Tensor]:
    seeds = tf.stack([tf.range(MANY), tf.fill([MANY], 9)], axis=1)
    spec = (tf.TensorSpec([HEIGHT, WIDTH, 3]), tf.TensorSpec([]))
    return tf.map_fn(mix, seeds, fn_output_signature=spec)


def each(mix) -> tuple[np.ndarray, np.ndarray]:
    """Mixed pictures and shares of many seeds."""
    pictures, shares = _each(mix)
    return pictures.numpy(), shares.numpy()


def test_mixup_blends_by_a_share_from_a_beta_distribution():
    pictures, shares = each(lambda own: mixing.mixup(TWO, own, 0.2))
    assert np.isfinite(shares).all() and shares.min() >= 0 and shares.max() <= 1
    np.testing.assert_allclose(pictures[:, 3, 5, 1], shares, atol=1e-6)
    assert stats.kstest(shares, "beta", args=(0.2, 0.2)).pvalue > 1e-3


def reference(generator: np.random.Generator) -> tuple[np.ndarray, float]:
    """The box of the released code, from its description: where the first picture is, and its share."""
    length = np.sqrt(1 - generator.random())
    box = np.zeros((HEIGHT, WIDTH), bool)
    (top, bottom), (left, right) = (
        (max(centre - half, 0), min(centre + half, size))
        for size in (HEIGHT, WIDTH)
        for centre, half in [(generator.integers(size), int(length * size) // 2)]
    )
    box[top:bottom, left:right] = True
    return box, box.mean()


def test_cutmix_puts_a_box_of_the_first_into_the_second():
    pictures, shares = each(lambda own: mixing.cutmix(TWO, own))
    boxes = pictures[..., 0] > 0
    np.testing.assert_allclose(boxes.mean((1, 2)), shares, atol=1e-6)
    for box in boxes[:200]:  # a rectangle, all of it
        rows, columns = box.any(1), box.any(0)
        assert (box == (rows[:, None] & columns[None])).all()
        assert not rows.any() or np.ptp(np.flatnonzero(rows)) + 1 == rows.sum()
    generator = np.random.default_rng(0)
    theirs = [reference(generator) for _ in range(MANY)]
    assert stats.ks_2samp(shares, [share for _, share in theirs]).pvalue > 1e-3
    # Where the first picture is seen, how often.
    ours, other = boxes.mean(0), np.mean([box for box, _ in theirs], 0)
    assert np.abs(ours - other).max() < 5 * np.sqrt(0.25 * 2 / MANY)


def test_the_same_seed_gives_the_same():
    for mix in (mixing.mixup, mixing.cutmix):
        first, second = mix(TWO, tf.constant([1, 2])), mix(TWO, tf.constant([1, 2]))
        np.testing.assert_array_equal(first[0], second[0])
        assert not np.array_equal(first[0], mix(TWO, tf.constant([1, 3]))[0])
