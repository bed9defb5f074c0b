"""Products of matrices that can be kept, so that computing a layer again for its gradient costs no product twice.

    with keeping() as kept:     # forward: kept lists the products, in order
        y = layer(x)
    with given(kept):           # again, perhaps much later and from the same x: the products are those of the list
        y = layer(x)

What lies between products is element-wise and cheap: this is `jax.checkpoint` with the policy `dots_saveable`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

_now = threading.local()


def product(a: tf.Tensor, b: tf.Tensor, transpose_b: bool = False) -> tf.Tensor:
    """`tf.matmul` of tensors with the same batch axes, or what `given` has for it."""
    return getattr(_now, "form", _matmul)(a, b, transpose_b=transpose_b)


def _matmul(a: tf.Tensor, b: tf.Tensor, transpose_b: bool = False) -> tf.Tensor:
    """A batch of one as a plain product: oneDNN computes it 10 to 20 % faster than a batch."""
    batch = list(range(a.shape.rank - 2))
    if not batch or any(a.shape[axis] != 1 or b.shape[axis] != 1 for axis in batch):
        return tf.matmul(a, b, transpose_b=transpose_b)
    plain = tf.matmul(tf.squeeze(a, batch), tf.squeeze(b, batch), transpose_b=transpose_b)
    for _ in batch:
        plain = plain[None]
    return plain


@contextlib.contextmanager
def _form(form: Callable[..., tf.Tensor]) -> Iterator[None]:
    before = getattr(_now, "form", _matmul)
    _now.form = form
    try:
        yield
    finally:
        _now.form = before


def plainly() -> contextlib.AbstractContextManager[None]:
    """Inside a loop's body, whose tensors can't be kept: products are neither listed nor given."""
    return _form(_matmul)


@contextlib.contextmanager
def keeping() -> Iterator[list[tf.Tensor]]:
    """Lists the products of its block."""
    kept: list[tf.Tensor] = []

    def form(a, b, transpose_b):
        kept.append(_matmul(a, b, transpose_b=transpose_b))
        return kept[-1]

    with _form(form):
        yield kept


@contextlib.contextmanager
def given(kept: Sequence[tf.Tensor]) -> Iterator[None]:
    """Takes the products of its block from the list; their gradients are those of the products."""
    rest = iter(kept)

    def form(a, b, transpose_b):
        @tf.custom_gradient
        def take(a, b, result):
            def grad(upstream):
                if transpose_b:
                    return tf.matmul(upstream, b), tf.matmul(upstream, a, transpose_a=True), None
                d_a = tf.matmul(upstream, b, transpose_b=True)
                return d_a, tf.matmul(a, upstream, transpose_a=True), None

            return tf.identity(result), grad

        return take(a, tf.convert_to_tensor(b, a.dtype), next(rest))

    with _form(form):
        yield
