"""Fills the masks of texts of any length with a masked language model, in the graph.

A text longer than the model is read in windows of the model's length that overlap by half. Each mask is predicted in
a window that has at least a quarter of its length on both sides of the mask, unless the text begins or ends there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.byte_tokenizer import MASK, MASK_TEXT, PAD, valid_utf8

TOP = 10  # candidates per mask that a served model returns
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def fill(
    model: keras.Model, tokenizer: Any, texts: tf.Tensor, top: int = TOP
) -> dict[str, tf.Tensor]:
    """Fills the `[MASK]`s of texts, string [B].

    K is the largest number of masks in any text of the batch. Shorter rows are padded with empty strings, -1 and 0. A
    text without masks comes back unchanged.

    Returns:
      `filled` string [B]: each text with the best candidate at every mask; `token` string, `token_id` int32,
      `probability` float32, each [B, K, top], best first; `text` string [B]: the given texts as valid UTF-8.
    """
    config = model.config
    ids = tokenizer.encode(texts)
    places = _places(ids)
    best = _in_windows(model, ids, places, min(top, config.vocabulary))
    return _answered(tokenizer, ids, places, *best, texts=texts)


def respond(
    tokenizer: Any, inputs: Mapping[str, tf.Tensor], logits: tf.Tensor, top: int = TOP
) -> dict[str, tf.Tensor]:
    """What `fill` returns, for ids [B, M] whose logits [B, M, V] are already computed."""
    sizes = tf.reduce_sum(tf.cast(inputs["mask"], tf.int64), axis=1)
    ids = tf.RaggedTensor.from_tensor(tf.cast(inputs["ids"], tf.int32), lengths=sizes)
    rows, columns = places = _places(ids)
    best = _best(tf.gather_nd(logits, tf.stack([rows, columns], -1)), min(top, logits.shape[-1]))
    return _answered(tokenizer, ids, places, *best, texts=tokenizer.decode(ids))


def _places(ids: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Row and column of each MASK, int64 [T] each, in reading order."""
    found = tf.where(ids.values == MASK)[:, 0]
    rows = tf.gather(ids.value_rowids(), found)
    return rows, found - tf.gather(ids.row_starts(), rows)


def _in_windows(
    model: keras.Model, ids: tf.RaggedTensor, places: tuple[tf.Tensor, tf.Tensor], top: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Probabilities and ids of the `top` candidates at each place, [T, top] each."""
    length = model.config.length
    rows, columns = places
    sizes = ids.row_lengths()
    width = tf.minimum(tf.reduce_max(tf.concat([sizes, [1]], 0)), length)
    step = max(length // 2, 1)
    start = (columns - length // 4) // step * step
    start = tf.clip_by_value(start, 0, tf.maximum(tf.gather(sizes, rows) - length, 0))
    # Only windows with a mask, each once, in reading order.
    longest = tf.reduce_max(tf.concat([sizes, [0]], 0)) + 1
    windows, window_of = tf.unique(rows * longest + start, out_idx=tf.int64)
    window_rows, window_starts = windows // longest, windows % longest

    def some(low: tf.Tensor, weights: tf.Tensor, tokens: tf.Tensor) -> tuple[tf.Tensor, ...]:
        high = low + _windows_at_once(model.config)
        columns_of = window_starts[low:high, None] + tf.range(width)[None]
        of_row = window_rows[low:high]
        there = columns_of < tf.gather(sizes, of_row)[:, None]
        flat = tf.gather(ids.row_starts(), of_row)[:, None] + columns_of
        flat = tf.minimum(flat, tf.size(ids.values, tf.int64) - 1)
        window = tf.where(there, tf.gather(ids.values, flat), PAD)
        logits = model({"ids": window, "mask": there}, training=False)
        mine = tf.where((window_of >= low) & (window_of < high))[:, 0]
        inside = [tf.gather(value, mine) for value in (window_of - low, columns - start)]
        found = _best(tf.gather_nd(logits, tf.stack(inside, -1)), top)
        return high, tf.concat([weights, found[0]], 0), tf.concat([tokens, found[1]], 0)

    empty = tf.zeros([0, top])
    _, weights, tokens = tf.while_loop(
        lambda low, *_: low < tf.size(windows, tf.int64),
        some,
        [tf.constant(0, tf.int64), empty, tf.cast(empty, tf.int32)],
        shape_invariants=[tf.TensorShape([]), *(tf.TensorShape([None, top]),) * 2],
    )
    return weights, tokens


def _windows_at_once(config: Any) -> int:
    """As many windows as keep their logits and the model's widest arrays within `attention_memory_mb`."""
    one = 4 * config.length * max(config.vocabulary, 8 * config.channels)
    return max(config.attention_memory_mb * 2**20 // one, 1)


def _best(logits: tf.Tensor, top: int) -> tuple[tf.Tensor, tf.Tensor]:
    values, tokens = tf.math.top_k(tf.nn.softmax(tf.cast(logits, tf.float32)), top)
    return values, tokens


def _answered(
    tokenizer: Any,
    ids: tf.RaggedTensor,
    places: tuple[tf.Tensor, tf.Tensor],
    weights: tf.Tensor,
    tokens: tf.Tensor,
    texts: tf.Tensor,
) -> dict[str, tf.Tensor]:
    rows, columns = places
    flat = tf.gather(ids.row_starts(), rows) + columns
    filled = tf.tensor_scatter_nd_update(ids.values, flat[:, None], tokens[:, 0])
    names = tf.constant([name.encode() for name in tokenizer.names()])

    def by_row(values: tf.Tensor, padding: Any) -> tf.Tensor:
        ragged = tf.RaggedTensor.from_value_rowids(values, rows, nrows=ids.nrows())
        return ragged.to_tensor(padding, shape=[None, None, tokens.shape[1]])

    return {
        "filled": tokenizer.decode(ids.with_values(filled)),
        "token": by_row(tf.gather(names, tokens), ""),
        "token_id": by_row(tokens, -1),
        "probability": by_row(weights, 0.0),
        "text": valid_utf8(texts),
    }


# === Answers for people ===


def answers(outputs: Mapping[str, np.ndarray], labels: Any, top: int) -> list[Any]:
    """One entry per text: a list of candidates if it has one mask, a list of such lists if several, [] if none.

    A candidate is {"score", "token" (its id), "token_str", "sequence" (the text with it; other masks stay)}, as in
    Hugging Face's `fill-mask` pipeline.
    """
    rows = zip(*(outputs[k] for k in ("text", "token", "token_id", "probability")), strict=True)
    found = []
    for text, *candidates in rows:
        parts = text.split(MASK_TEXT.encode())
        masks = [
            _candidates(parts, place, *(values[place][:top] for values in candidates))
            for place in range(len(parts) - 1)
        ]
        found.append(masks[0] if len(masks) == 1 else masks)
    return found


def _candidates(
    parts: Sequence[bytes], place: int, names: Any, ids: Any, weights: Any
) -> list[dict[str, Any]]:
    before = MASK_TEXT.encode().join(parts[: place + 1])
    after = MASK_TEXT.encode().join(parts[place + 1 :])
    found = []
    for name, number, weight in zip(names, ids, weights, strict=True):
        piece = name.decode()
        raw = bytes([int(match[1], 16)]) if (match := _BYTE.fullmatch(piece)) else None
        sequence = before + (raw or piece.replace("\u2581", " ").encode()) + after
        found.append(
            {
                "score": round(float(weight), 6),
                "token": int(number),
                "token_str": piece,
                "sequence": sequence.decode("utf-8", "replace"),
            }
        )
    return found
