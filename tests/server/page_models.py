"""Models in plain TensorFlow with the ends of our tasks and known answers, as exports with warm-up requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

HOSTILE = "<img src=x onerror=document.title='taken'>"
COLOURS = ["red", HOSTILE, "blue"]
CANDIDATES = ["e", " ", "<b>", "x", "0", "1", "2", "3", "4", "5"]
CHANCES = np.float32([0.5, 0.2, 0.1, 0.05, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02])
CARD = "# A tiny model\n\n<script>document.title = 'taken'</script>\n"


def png(pixels: np.ndarray) -> bytes:
    """An encoded picture."""
    return tf.io.encode_png(pixels.astype(np.uint8)).numpy()


def plain(red: int, green: int, blue: int, side: int = 6) -> bytes:
    """A picture of one colour."""
    return png(np.full([side, side, 3], [red, green, blue]))


def colours(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
    """How much of each primary colour there is; the shares add up to 1."""

    def one(encoded: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(tf.io.decode_image(encoded, 3, expand_animations=False), tf.float32)
        means = tf.reduce_mean(pixels, [0, 1]) + 1e-6
        return means / tf.reduce_sum(means)

    shares = tf.map_fn(one, image_bytes, fn_output_signature=tf.TensorSpec([3], tf.float32))
    return {"probabilities": shares, "label": tf.gather(COLOURS, tf.argmax(shares, -1))}


def zoom(frame1_bytes: tf.Tensor, frame2_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
    """A motion away from the middle: a fifth of the distance, in pixels."""
    shape = tf.shape(tf.io.decode_image(frame1_bytes[0], 3, expand_animations=False))
    same = tf.shape(tf.io.decode_image(frame2_bytes[0], 3, expand_animations=False))
    with tf.control_dependencies([tf.debugging.assert_equal(shape, same, "frames of two sizes")]):
        y = tf.cast(tf.range(shape[0]), tf.float32) - tf.cast(shape[0], tf.float32) / 2
        x = tf.cast(tf.range(shape[1]), tf.float32) - tf.cast(shape[1], tf.float32) / 2
    flow = tf.stack([tf.tile(x[None], [shape[0], 1]), tf.tile(y[:, None], [1, shape[1]])], -1)
    return {"flow": tf.tile(flow[None] / 5, [tf.shape(frame1_bytes)[0], 1, 1, 1])}


def fill(text: tf.Tensor) -> dict[str, tf.Tensor]:
    """The same candidates for every gap."""
    gaps = tf.reduce_max(tf.strings.split(text, "[MASK]").row_lengths()) - 1
    shape = [tf.shape(text, tf.int64)[0], gaps, 1]
    return {
        "filled": tf.strings.regex_replace(text, r"\[MASK\]", CANDIDATES[0]),
        "text": text,
        "token": tf.tile(tf.constant([[CANDIDATES]]), shape),
        "token_id": tf.tile(tf.range(len(CANDIDATES))[None, None], shape),
        "probability": tf.tile(tf.constant(CHANCES)[None, None], shape),
    }


def tags(text: tf.Tensor) -> dict[str, tf.Tensor]:
    """Bytes of capitals and of what is not ASCII are entities."""
    values = tf.io.decode_raw(text, tf.uint8, fixed_length=tf.reduce_max(tf.strings.length(text)))
    capital = (values >= ord("A")) & (values <= ord("Z"))
    name = tf.where(capital, "CAPITAL", tf.where(values > 127, "OTHER", ""))
    score = tf.where(name == "", 0.6, tf.where(capital, 0.9, 0.8))
    return {"entity": name, "score": score, "text": text}


SEEN = [0.0, 0.25, 1.0, 0.75]  # the middle half of a picture


def corner(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
    """Half of the attention in one corner of what is seen, none in the next."""
    count = tf.shape(image_bytes)[0]
    return {
        "attention": tf.tile(tf.constant([[[0.5, 0.0], [0.25, 0.25]]]), [count, 1, 1]),
        "seen": tf.tile(tf.constant([SEEN]), [count, 1]),
    }


def capitals(text: tf.Tensor) -> dict[str, tf.Tensor]:
    """All the attention on capitals, of the first eight bytes."""
    values = tf.io.decode_raw(text, tf.uint8, fixed_length=8)
    capital = tf.cast((values >= ord("A")) & (values <= ord("Z")), tf.float32)
    return {"attention": capital / tf.maximum(tf.reduce_sum(capital, -1, keepdims=True), 1)}


def save(
    folder: Path,
    function: Callable[..., dict[str, tf.Tensor]],
    task: str,
    rows: Sequence[Any],
    labels: Sequence[str] | None = None,
    settings: dict[str, Any] | None = None,
    attention: Callable[..., dict[str, tf.Tensor]] | None = None,
) -> Path:
    """Writes an export to `folder`: `function`'s signature, what it is, a card, and a request with `rows`."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    specs = [tf.TensorSpec([None], tf.string, name) for name in names]
    functions = {"serving_default": function} | ({"attention": attention} if attention else {})
    calls = {key: tf.function(f).get_concrete_function(*specs) for key, f in functions.items()}
    tf.saved_model.save(tf.Module(), str(folder), signatures=calls)
    extra = folder / "assets.extra"
    extra.mkdir()
    about = {"task": task, "preset": "tiny", "labels": labels, "config": {"model": settings or {}}}
    (extra / "task.json").write_text(json.dumps(about))
    (extra / "MODEL_CARD.md").write_text(CARD)
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        for count in (1, len(rows)):
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.model_spec.signature_name = "serving_default"
            for place, name in enumerate(names):
                column = np.array([row[place] for row in rows[:count]], object)
                log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(column))
            writer.write(log.SerializeToString())
    return folder
