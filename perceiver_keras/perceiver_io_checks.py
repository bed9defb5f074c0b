"""What a `PerceiverIO` is given, checked: numbers, arrays and masks. Errors are one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.errors import UsageError

OPTIONAL = ("output_dim", "query_dim", "num_self_attention_heads")
SIZES = (
    *("num_latents", "latent_dim", "depth", "num_blocks", "num_cross_attention_heads"),
    *("widening_factor", "attention_memory_mb", *OPTIONAL),
)


def whole(name: str, value: Any) -> None:
    """Raises `UsageError` unless it is a whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise UsageError(f"{name}: expected a whole number from 1 on; got {value!r}.")


def checked_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a `PerceiverIO` with NumPy's numbers as Python's; queries and positions are not looked at.

    Raises:
        UsageError: a size, share or word that no model can have.
    """
    config = {k: v.item() if isinstance(v, np.number) else v for k, v in config.items()}
    for name in SIZES:
        if name not in OPTIONAL or config[name] is not None:
            whole(name, config[name])
    for name in ("num_self_attention_heads", "num_cross_attention_heads"):
        if config["latent_dim"] % (config[name] or 1):
            raise UsageError(
                f"{name}: {config[name]} heads do not divide latent_dim {config['latent_dim']}; choose a divisor of it."
            )
    for name in ("dropout", "attention_dropout"):
        share = config[name]
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share < 1:
            raise UsageError(f"{name}: expected a share from 0 to below 1; got {share!r}.")
    if config["activation"] not in ("gelu_tanh", "gelu"):
        raise UsageError(
            f"activation: expected 'gelu_tanh' or 'gelu'; got {config['activation']!r}."
        )
    shape = config["max_shape"]
    if shape is None:
        return config
    several = isinstance(shape, (list, tuple, tf.TensorShape)) or np.ndim(shape) == 1
    sizes = list(shape) if several else [shape]
    if not sizes:
        raise UsageError(f"max_shape: expected a size per dimension of elements; got {shape!r}.")
    for size in sizes:
        whole("max_shape", size)
    return config | {"max_shape": [int(size) for size in sizes]}


def array_of(name: str, value: Any, rank: int = 3) -> tf.Tensor:
    """A tensor of numbers with at least `rank` dimensions, the last of which, the channels, has a known size.

    Raises:
        UsageError: it is not; the message says what it is.
    """
    takes = "[B, ..., C]" if rank == 3 else "[B, ..., Q] or [O, Q]"
    value = _numbers(name, value, f"an array {takes}", rank)
    if value.shape.rank is None or value.shape.rank < rank:
        shape = None if value.shape.rank is None else tuple(value.shape)
        more = "; of one channel: array[..., None]" if rank == 3 else ""
        raise UsageError(f"{name}: expected an array {takes}; got the shape {shape}{more}.")
    if not value.shape[-1]:
        raise UsageError(
            f"{name}: the number of channels, the last dimension, must be known; got the shape "
            f"{tuple(value.shape)}."
        )
    if 0 in tuple(value.shape)[1:]:
        raise UsageError(f"{name}: an array of the shape {tuple(value.shape)} has no elements.")
    return value


def _numbers(name: str, value: Any, expected: str, rank: int) -> tf.Tensor:
    """A dense tensor of numbers, from what has a shape or from nested lists."""
    if isinstance(value, (tf.RaggedTensor, tf.SparseTensor)):
        dense = "to_tensor()" if isinstance(value, tf.RaggedTensor) else "tf.sparse.to_dense"
        raise UsageError(
            f"{name}: expected {expected}; got a {type(value).__name__}, which {dense} makes one."
        )
    if isinstance(value, (list, tuple)) and any(_is_whole(one, rank) for one in value):
        raise UsageError(
            f"{name}: expected one {expected.removeprefix('an ')}; got a list of {len(value)}. Give the array itself; "
            "examples of one shape become one by np.stack."
        )
    given = value
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        try:
            value = np.asarray(value)
        except ValueError:
            raise UsageError(
                f"{name}: expected {expected}; got lists of different lengths."
            ) from None
    if not tf.is_tensor(value) and value.dtype == object:
        raise UsageError(f"{name}: expected numbers; got {type(given).__name__}.")
    kind = tf.as_dtype(value.dtype)
    if not (kind.is_floating or kind.is_integer or kind.is_bool):
        raise UsageError(f"{name}: expected numbers; got an array of {kind.name}.")
    return value if tf.is_tensor(value) else tf.convert_to_tensor(value)


def _is_whole(item: Any, rank: int) -> bool:
    """Whether an item of a list is an array of its own, as Keras gives a list of inputs, and not a row of one."""
    if not tf.is_tensor(item):
        return False
    return not tf.executing_eagerly() or item.shape.rank is None or item.shape.rank >= rank


def mask_of(mask: Any) -> Any:
    """The mask of the inputs, also where Keras made a dictionary of the masks of several."""
    return mask.get("inputs") if isinstance(mask, Mapping) else mask


def flat_mask(name: str, mask: Any, array: tf.Tensor, count: int | None = None) -> tf.Tensor | None:
    """A mask [B, *grid] or [B, M] as bool [B, M]; None if there is none.

    Args:
        name: of the mask, for errors.
        mask: true, or not zero, where the element is real.
        array: [B, *grid, C], whose elements it is for.
        count: the number of elements, if it is not the array's.

    Raises:
        UsageError: it has another shape.
    """
    if mask is None:
        return None
    mask = _numbers(name, mask, "an array of true and false", rank=2)
    grid = array.shape[1:-1] if count is None else tf.TensorShape([count])
    batch = array.shape[:1]
    flat = tf.TensorShape([grid.num_elements()])
    if not any(mask.shape.is_compatible_with(batch.concatenate(form)) for form in (grid, flat)):
        wanted = tuple(batch.concatenate(grid))
        raise UsageError(f"{name}: expected the shape {wanted}; got {tuple(mask.shape)}.")
    elements = grid.num_elements()
    shape = [-1, elements] if elements is not None else [tf.shape(array)[0], -1]
    return tf.reshape(tf.cast(mask, tf.bool), shape)
