"""Attention in chunks: the numbers and gradients of the dense form without its [O, M] matrix.

There are two loops, for the two shapes that Perceivers have:
  - many keys, few queries (encoder): a loop over keys with a running softmax;
  - many queries, few keys (decoder): a loop over queries, each chunk's softmax complete.
The backward pass recomputes each chunk's weights, so its memory is bounded too.

The last chunk is shifted back so that it ends with the array. Padding the array instead would copy
the largest tensors of the model. What the last chunk repeats is masked or cut off.

Shapes: query [B, H, O, d], key [B, H, M, d], value [B, H, M, e], bias [B|1, H|1, O|1, M] float32 (added
to the logits; `MASKED` where a key is masked).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow.python.util._pywrap_util_port import IsMklEnabled

from perceiver_keras.layers.product import plainly, product
from perceiver_keras.layers.xla import for_xla, is_for_converters

MASKED = -1e30  # official value: exp(MASKED - x) is exactly 0 for any real logit x

Size = int | tf.Tensor


def axis_size(tensor: tf.Tensor, axis: int) -> Size:
    """The static size where it is known, so that XLA and slices can use it, else the dynamic one."""
    size = tensor.shape[axis]
    return tf.shape(tensor)[axis] if size is None else size


def dense_attention(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    bias: tf.Tensor | None = None,
    inference: bool = False,
) -> tf.Tensor:
    """softmax(query·keyᵀ + bias)·value, softmax in float32. Returns [B, H, O, e].

    `inference`: No gradient will be taken, so bfloat16 logits may stay what they are where the sums are float32.
    """
    as_it_is = inference and bias is None and sums_in_float32()
    logits = product(query, key, transpose_b=True) if as_it_is else logits_of(query, key, bias)
    weights = tf.nn.softmax(logits, axis=-1)
    return product(tf.cast(weights, value.dtype), value)


def sums_in_float32() -> bool:
    """Whether softmax does so by itself for bfloat16 logits, in what is traced now.

    oneDNN's kernel does, and reads and writes half as much. XLA and TensorFlow's gradient do not.
    """
    return IsMklEnabled() and not for_xla()


def logits_of(query: tf.Tensor, key: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
    logits = tf.cast(product(query, key, transpose_b=True), tf.float32)
    return logits if bias is None else logits + bias


def chunked_over_queries(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    bias: tf.Tensor | None,
    chunk: int,
    inference: bool = False,
) -> tf.Tensor:
    """`dense_attention` for `chunk` queries at a time."""
    total = axis_size(query, 2)
    chunk, steps = _cut(total, chunk)
    inputs, is_cut = [query, key, value], [True, False, False]
    if bias is not None:
        inputs, is_cut = [*inputs, bias], [*is_cut, bias.shape[2] != 1]

    def read(step: tf.Tensor, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        start = tf.minimum(step * chunk, total - chunk)
        return [
            _slice(part, 2, start, chunk) if cut else part
            for part, cut in zip(inputs, is_cut, strict=True)
        ]

    @tf.custom_gradient
    def attention(*inputs):
        def body(step, pieces):
            piece = dense_attention(*read(step, inputs), inference=inference)
            return step + 1, pieces.write(step, piece)

        pieces = _pieces(value.dtype, steps)
        _, pieces = counted_loop(body, steps, (tf.constant(0), pieces))
        output = _join(pieces, steps, total, chunk, axis=2)

        def grad(upstream):
            def backward(step, *sums):
                start = tf.minimum(step * chunk, total - chunk)
                # The last chunk repeats rows of the one before; their gradient counts once.
                fresh = tf.range(chunk) + start >= step * chunk
                up = _slice(upstream, 2, start, chunk)
                up = tf.where(fresh[None, None, :, None], up, tf.zeros_like(up))
                parts = read(step, inputs)
                with tf.GradientTape() as tape:
                    tape.watch(parts)
                    piece = dense_attention(*parts)
                found = tape.gradient(
                    piece, parts, up, unconnected_gradients=tf.UnconnectedGradients.ZERO
                )
                sums = [
                    s.write(step, g) if cut else s + tf.cast(g, s.dtype)
                    for s, g, cut in zip(sums, found, is_cut, strict=True)
                ]
                return step + 1, *sums

            sums = [
                _pieces(part.dtype, steps) if cut else _accumulator(part)
                for part, cut in zip(inputs, is_cut, strict=True)
            ]
            _, *sums = counted_loop(backward, steps, (tf.constant(0), *sums))
            return [
                _join(s, steps, total, chunk, axis=2) if cut else tf.cast(s, part.dtype)
                for s, part, cut in zip(sums, inputs, is_cut, strict=True)
            ]

        return output, grad

    return attention(*inputs)


def chunked_over_keys(
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, bias: tf.Tensor | None, chunk: int
) -> tf.Tensor:
    """`dense_attention` for `chunk` keys at a time, with a running softmax (arXiv 2112.05682)."""
    total = axis_size(key, 2)
    chunk, steps = _cut(total, chunk)
    bias = _no_bias(query, key) if bias is None else bias

    def read(step, k, v, b):
        start = tf.minimum(step * chunk, total - chunk)
        seen = tf.range(chunk) + start < step * chunk
        b = _slice(b, 3, start, chunk) + tf.where(seen, MASKED, 0.0)
        return _slice(k, 2, start, chunk), _slice(v, 2, start, chunk), b

    @tf.custom_gradient
    def attention(q, k, v, b):
        def body(step, highest, norm, sum_):
            k_c, v_c, b_c = read(step, k, v, b)
            logits = logits_of(q, k_c, b_c)
            new = tf.maximum(highest, tf.reduce_max(logits, axis=-1, keepdims=True))
            weights = tf.exp(logits - new)
            shrink = tf.exp(highest - new)
            norm = norm * shrink + tf.reduce_sum(weights, axis=-1, keepdims=True)
            gain = tf.cast(tf.matmul(tf.cast(weights, v.dtype), v_c), tf.float32)
            return step + 1, new, norm, sum_ * shrink + gain

        rows = tf.zeros_like(q[..., :1], tf.float32)
        sum_ = rows + tf.zeros([v.shape[-1]])
        state = (tf.constant(0), rows + tf.float32.min, rows, sum_)
        _, highest, norm, sum_ = counted_loop(body, steps, state)
        output = sum_ / norm
        log_norm = highest + tf.math.log(norm)

        def grad(upstream):
            up = tf.cast(upstream, tf.float32)
            # Softmax's gradient needs Σ_j weight_j · (value_j·upstream), which is output·upstream.
            mean = tf.reduce_sum(up * output, axis=-1, keepdims=True)
            up = tf.cast(up, v.dtype)

            def backward(step, dq, dk, dv, db):
                k_c, v_c, b_c = read(step, k, v, b)
                weights = tf.exp(logits_of(q, k_c, b_c) - log_norm)
                g_v = tf.matmul(tf.cast(weights, v.dtype), up, transpose_a=True)
                g_weights = tf.cast(tf.matmul(up, v_c, transpose_b=True), tf.float32)
                g_logits = weights * (g_weights - mean)
                g_b = _sum_to(g_logits, b)
                g_logits = tf.cast(g_logits, q.dtype)
                dq += tf.cast(tf.matmul(g_logits, k_c), dq.dtype)
                g_k = tf.matmul(g_logits, q, transpose_a=True)
                return step + 1, dq, dk.write(step, g_k), dv.write(step, g_v), db.write(step, g_b)

            pieces = [_pieces(dtype, steps) for dtype in (k.dtype, v.dtype, b.dtype)]
            state = (tf.constant(0), _accumulator(q), *pieces)
            _, dq, dk, dv, db = counted_loop(backward, steps, state)
            return (
                tf.cast(dq, q.dtype),
                _join(dk, steps, total, chunk, axis=2),
                _join(dv, steps, total, chunk, axis=2),
                _join(db, steps, total, chunk, axis=3),
            )

        return tf.cast(output, v.dtype), grad

    return attention(query, key, value, bias)


def map_chunks(
    function: Callable[..., tf.Tensor], arrays: Sequence[tf.Tensor], chunk: int
) -> tf.Tensor:
    """Applies function([B, chunk, ...], ...) along the second axis of all `arrays`: [B, O, E], in bounded memory."""
    arrays = [tf.convert_to_tensor(array) for array in arrays]
    total = axis_size(arrays[0], 1)
    chunk, steps = _cut(total, chunk)
    if isinstance(steps, int) and steps == 1:
        return function(*arrays)  # XLA refuses the gradient of a loop that makes no pass

    def result(step):
        start = tf.minimum(step * chunk, total - chunk)
        return function(*(_slice(array, 1, start, chunk) for array in arrays))

    def body(step, pieces):
        return step + 1, pieces.write(step, result(step))

    first = result(tf.constant(0))
    pieces = _pieces(first.dtype, steps).write(0, first)
    _, pieces = counted_loop(body, steps, (tf.constant(1), pieces))
    return _join(pieces, steps, total, chunk, axis=1)


# === Helpers ===


def counted_loop(body, steps: Size, state: tuple) -> tuple:
    """`body(step, ...)` for each step of a known number, one at a time so that memory stays bounded.

    The first of `state` is the step to begin with, a constant.
    """
    first = int(tf.get_static_value(state[0]))

    def plain_body(*state):
        with plainly():
            return body(*state)

    if is_for_converters() and isinstance(steps, int):
        for _ in range(first, steps):
            state = plain_body(*state)
        return tuple(state)

    return tf.while_loop(
        lambda step, *_: step < steps,
        plain_body,
        state,
        parallel_iterations=1,
        maximum_iterations=steps - first,
    )


def _slice(tensor: tf.Tensor, axis: int, start: tf.Tensor, size: Size) -> tf.Tensor:
    begin = [0] * tensor.shape.rank
    begin[axis] = start
    sizes = [axis_size(tensor, a) for a in range(tensor.shape.rank)]
    sizes[axis] = size
    piece = tf.slice(tensor, begin, sizes)
    shape = tensor.shape.as_list()
    shape[axis] = size if isinstance(size, int) else None
    if is_for_converters():  # TensorFlow Lite has no operation that checks
        piece.set_shape(shape)
        return piece
    return tf.ensure_shape(piece, shape)


class _Listed:
    """A `tf.TensorArray` for loops that are unrolled: converters have no lists of tensors."""

    def __init__(self, parts: tuple[tf.Tensor, ...] = ()) -> None:
        self._parts = parts

    def write(self, step: tf.Tensor | int, part: tf.Tensor) -> _Listed:
        """With `part` after those that are there: steps come in order."""
        return _Listed((*self._parts, part))

    def stack(self) -> tf.Tensor:
        return tf.stack(self._parts)


def _pieces(dtype: tf.DType, steps: Size) -> tf.TensorArray | _Listed:
    if is_for_converters() and isinstance(steps, int):
        return _Listed()
    return tf.TensorArray(dtype, size=steps, element_shape=None, clear_after_read=False)


def _accumulator(like: tf.Tensor) -> tf.Tensor:
    """Sums over chunks are kept in float32, whatever the compute dtype."""
    return tf.zeros_like(like, tf.float32)


def _join(pieces: tf.TensorArray, steps: Size, total: Size, chunk: Size, axis: int) -> tf.Tensor:
    """The pieces joined along `axis`, without what the last one repeats."""
    stacked = pieces.stack()  # [steps, B, H, ...]
    shape = [axis_size(stacked, a) for a in range(stacked.shape.rank)]
    head = stacked[:-1]
    order = [*range(1, axis + 1), 0, *range(axis + 1, stacked.shape.rank)]
    head = tf.reshape(
        tf.transpose(head, order),
        [*shape[1 : axis + 1], (steps - 1) * chunk, *shape[axis + 2 :]],
    )
    begin = [0] * (stacked.shape.rank - 1)
    begin[axis] = steps * chunk - total
    return tf.concat([head, tf.slice(stacked[-1], begin, [-1] * len(begin))], axis)


def _sum_to(tensor: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Sums the broadcast axes (of size 1 in `like`) of [B, H, O, chunk]; the last axis stays."""
    axes = [a for a in range(3) if like.shape[a] == 1]
    return tf.reduce_sum(tensor, axis=axes, keepdims=True) if axes else tensor


def _no_bias(query: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    return tf.zeros([1, 1, 1, axis_size(key, 2)], tf.float32)


def _cut(total: Size, most: int) -> tuple[Size, Size]:
    """(chunk, steps): chunks of at most `most`, few of them, of which the last one repeats little of the one before.

    With the largest possible chunks the last one would repeat up to all but one of its rows.
    """
    static = isinstance(total, int)
    least = min if static else tf.minimum
    fewest = _ceil_div(total, least(most, total))
    # As large as that many steps need, in whole vectors of the processor.
    chunks = [
        least(least(most, total), 64 * _ceil_div(_ceil_div(total, fewest + more), 64))
        for more in range(3)
    ]
    computed = [chunk * _ceil_div(total, chunk) for chunk in chunks]
    best = computed.index(min(computed)) if static else tf.argmin(computed)
    chunk = chunks[best] if static else tf.stack(chunks)[best]
    return chunk, _ceil_div(total, chunk)


def _ceil_div(total: Size, chunk: Size) -> Size:
    return -(-total // chunk)
