"""Flow of any two frames: from arrays, files or bytes in Python, and from bytes in the served graph.

Both cut frames into tiles of the size the model was made for and stitch the tiles' flow
(`postprocess/tiles.py`). Frames are float32 [..., H, W, C] in [-1, 1] for the model, flow is
[..., H, W, 2] in pixels, x first, from the first frame to the second.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import PerceiverConfig, TaskConfig
from perceiver_keras.data import image
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.postprocess import tiles
from perceiver_keras.tasks.task import Labels

Frame = np.ndarray | bytes | str | os.PathLike  # pixels, an encoded picture, or its path

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as data/image.py weighs colours


# === In Python ===


def predict_flow(
    model: keras.Model,
    frame1: Frame | Sequence[Frame],
    frame2: Frame | Sequence[Frame],
    tiling: str = "minimal",
) -> Any:
    """The motion of every pixel from one frame to another, of any size.

    Args:
      model: An `OpticalFlow`.
      frame1, frame2: Pixels [H, W], [H, W, 1] or [H, W, 3] (alpha behind them is dropped), uint8,
        uint16 or floating in [0, 1]; or an encoded picture; or its path. Or lists of them: pairs.
      tiling: "minimal", "paper" or "notebook" (`postprocess/tiles.py`).

    Returns:
      float32 [H, W, 2] in pixels, x first; a list of them for lists.

    Raises:
      UsageError: the frames of a pair differ in size, or one is no picture.
    """
    if tiling not in tiles.TILINGS:
        raise UsageError(f"There is no tiling {tiling!r}.{nearest(tiling, tiles.TILINGS)}")
    lists = [isinstance(frames, (list, tuple)) for frames in (frame1, frame2)]
    if not any(lists):
        return _of_pair(model, frame1, frame2, tiling)
    if not all(lists) or len(frame1) != len(frame2):
        raise UsageError("frame1 and frame2 are two frames, or two lists with one entry a pair.")
    return [_of_pair(model, a, b, tiling) for a, b in zip(frame1, frame2, strict=True)]


def _of_pair(model: keras.Model, frame1: Frame, frame2: Frame, tiling: str) -> np.ndarray:
    channels = model.config.channels
    first, second = pixels_of(frame1, channels, "frame1"), pixels_of(frame2, channels, "frame2")
    if first.shape != second.shape:
        raise UsageError(different_sizes("frame1", first.shape, "frame2", second.shape))
    pair = tf.constant(np.stack([first, second])[None])
    flow = tiles.predict_tiled(
        model.predict_on_batch, pair, model.config.image_size, tiling, tiles_at_once(model)
    )
    return flow[0].numpy()


def different_sizes(name1: str, shape1: Sequence[int], name2: str, shape2: Sequence[int]) -> str:
    """Why two frames are no pair."""
    (h1, w1), (h2, w2) = shape1[:2], shape2[:2]
    return (
        f"{name1} has {h1}x{w1} pixels and {name2} {h2}x{w2}; the frames of a pair are of one size."
    )


def pixels_of(frame: Frame, channels: int = 3, name: str = "frame") -> np.ndarray:
    """Any kind of frame as float32 [H, W, channels] in [-1, 1].

    Raises:
      UsageError: it is none; the message says what it was.
    """
    if isinstance(frame, (str, os.PathLike)):
        name = os.fspath(frame)
        try:
            frame = Path(frame).read_bytes()
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror or error}.") from None
    if isinstance(frame, bytes):
        if reason := image.check_image(frame):
            raise UsageError(f"{name}: {reason}.")
        return to_unit(image.decode_image(tf.constant(frame), channels)).numpy()
    return _array_pixels(np.asarray(frame), channels, name)


def _array_pixels(array: np.ndarray, channels: int, name: str) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or not 1 <= array.shape[-1] <= 4 or 0 in array.shape:
        raise UsageError(f"{name}: expected pixels [H, W, 3], got the shape {list(array.shape)}.")
    if array.dtype in (np.uint8, np.uint16):
        array = array.astype(np.float32) / np.iinfo(array.dtype).max
    elif np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32)
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # also where one is NaN
            raise UsageError(
                f"{name}: floating pixels go from 0 to 1, got {low:g} to {high:g}; "
                "divide them by 255, or give uint8."
            )
    else:
        raise UsageError(f"{name}: expected uint8, uint16 or floating pixels, got {array.dtype}.")
    array = array[..., :3] if array.shape[-1] >= 3 else array[..., :1]  # without alpha
    if array.shape[-1] == 3 and channels == 1:
        array = array @ np.array(_LUMA, np.float32)[:, None]
    return np.broadcast_to(2 * array - 1, [*array.shape[:2], channels])


def to_unit(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 pixels to float32 in [-1, 1], as the model takes them (SPEC: Training recipes, Flow)."""
    return tf.cast(pixels, tf.float32) / 255.0 * 2.0 - 1.0


def tiles_at_once(model: keras.Model) -> int:
    """As many tiles a call as have their largest attention logits within the model's memory budget.

    The budget is `attention_memory_mb`: one tile of the released model (1.5 GB of logits) is computed
    in chunks, small models take hundreds of tiles together.
    """
    config: PerceiverConfig = model.config
    elements = model.preprocess.compute_output_shape([1, 2, *config.image_size, config.channels])[1]
    heads = max(config.encode.num_cross_attention_heads, config.decode.num_cross_attention_heads)
    logits = 4 * heads * config.encode.num_latents * elements
    return max(1, config.attention_memory_mb * 2**20 // logits)


# === In the served graph ===


def serving_spec(config: TaskConfig) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec([None], tf.string) for name in ("frame1_bytes", "frame2_bytes")}


def serve(
    model: keras.Model, raw: Mapping[str, Any], config: TaskConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    """Encoded pictures of one size, string [B] each -> `flow` [B, H, W, 2]."""
    frames = decode_pairs(raw["frame1_bytes"], raw["frame2_bytes"], config.model.channels)
    flow = tiles.predict_tiled(
        lambda batch: model(batch, training=False),
        frames,
        config.model.image_size,
        at_once=tiles_at_once(model),
    )
    return respond(flow, config, labels)


def decode_pairs(frame1: Any, frame2: Any, channels: int) -> tf.Tensor:
    """Encoded pictures, string [B] each, all of one size, as float32 [B, 2, H, W, channels] in [-1, 1].

    Raises:
      InvalidArgumentError: one is of another size than the first, or is no picture.
    """
    encoded = tf.stack([tf.convert_to_tensor(frame1), tf.convert_to_tensor(frame2)], axis=1)
    encoded = tf.reshape(encoded, [-1])
    size = tf.shape(image.decode_image(encoded[0], channels))

    def one(content: tf.Tensor) -> tf.Tensor:
        pixels = image.decode_image(content, channels)
        same = tf.reduce_all(tf.shape(pixels) == size)
        words = tf.strings.format(
            "the frames of a request must be of one size; the first has (height, width, channels) {}, "
            "another {}",
            (size, tf.shape(pixels)),
        )
        with tf.control_dependencies([tf.debugging.Assert(same, [words])]):
            return to_unit(pixels)

    spec = tf.TensorSpec([None, None, channels], tf.float32)
    frames = tf.map_fn(one, encoded, fn_output_signature=spec)
    return tf.reshape(frames, [-1, 2, size[0], size[1], channels])


def respond(flow: tf.Tensor, config: TaskConfig, labels: Labels | None) -> dict[str, tf.Tensor]:
    return {"flow": flow}


# === For the command line ===


def answer(outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int) -> list[dict]:
    """The size and the motion of each pair, in pixels."""
    found = []
    for flow in outputs["flow"]:
        lengths = np.hypot(flow[..., 0], flow[..., 1])
        found.append(
            {
                "height": flow.shape[0],
                "width": flow.shape[1],
                "mean_motion": round(float(lengths.mean()), 4),
                "largest_motion": round(float(lengths.max()), 4),
            }
        )
    return found


def picture(contents: Sequence[Any], outputs: Sequence[Mapping[str, Any]], answers: Any) -> Any:
    """A row for each pair: motion, colours with their legend, the second frame warped back."""
    from perceiver_keras.show import flow as drawn

    return drawn.pair_sheets(
        [
            {"frames": [pixels_of(pair[0]), pixels_of(pair[1])], "flow": output["flow"]}
            for pair, output in zip(contents, outputs, strict=True)
        ]
    )
