"""Two encoded pictures per pair, string [B] each, all of the same size -> `flow` [B, H, W, 2] in pixels, x first.

The graph cuts frames of any size into tiles and stitches their flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.config import TaskConfig
from perceiver_keras.data import image
from perceiver_keras.postprocess import tiles
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.optical_flow.frames import to_unit
from perceiver_keras.tasks.optical_flow.model import grid_of
from perceiver_keras.tasks.shared import attended, requests


def spec(config: TaskConfig) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec([None], tf.string) for name in ("frame1_bytes", "frame2_bytes")}


@unconverted
def serve(
    model: keras.Model, raw: Mapping[str, Any], config: TaskConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    """Encoded pictures of the same size, string [B] each -> `flow` [B, H, W, 2]."""
    frames = decode_pairs(raw["frame1_bytes"], raw["frame2_bytes"], config.model.channels)
    flow = tiles.predict_tiled(
        lambda batch: model(batch, training=False),
        frames,
        config.model.image_size,
        at_once=model.tiles_at_once(),
    )
    return respond(frames, flow, config, labels)


def decode_pairs(frame1: Any, frame2: Any, channels: int) -> tf.Tensor:
    """Encoded pictures, string [B] each, all of the same size, as float32 [B, 2, H, W, channels] in [-1, 1].

    Raises:
      InvalidArgumentError: there is none, one has a different size from the first, or is not a picture.
    """
    encoded = tf.stack([tf.convert_to_tensor(frame1), tf.convert_to_tensor(frame2)], axis=1)
    encoded = requests.some(tf.reshape(encoded, [-1]), "frames")
    size = tf.shape(image.decode_image(encoded[0], channels))

    def one(content: tf.Tensor) -> tf.Tensor:
        pixels = image.decode_image(content, channels)
        same = tf.reduce_all(tf.shape(pixels) == size)
        words = tf.strings.format(
            "the frames of a request must have the same size; the first has (height, width, channels) {}, "
            "another {}",
            (size, tf.shape(pixels)),
        )
        with tf.control_dependencies([tf.debugging.Assert(same, [words])]):
            return to_unit(pixels)

    spec = tf.TensorSpec([None, None, channels], tf.float32)
    frames = tf.map_fn(one, encoded, fn_output_signature=spec)
    return tf.reshape(frames, [-1, 2, size[0], size[1], channels])


@unconverted
def respond(
    frames: tf.Tensor, flow: tf.Tensor, config: TaskConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    return {"flow": flow}


def as_trained(raw: Mapping[str, tf.Tensor], config: TaskConfig) -> tf.Tensor:
    """Of larger frames, `prepare` takes the middle."""
    size = tf.constant([*config.model.image_size, config.model.channels])
    return tf.map_fn(
        lambda png: tf.reduce_all(tf.shape(image.decode_image(png, config.model.channels)) == size),
        raw["frame1_bytes"],
        fn_output_signature=tf.bool,
    )


def attention(
    model: keras.Model, raw: Mapping[str, tf.Tensor], config: TaskConfig
) -> dict[str, tf.Tensor]:
    """`attention`, a grid over the frames [B, rows, columns]; [B, 2, rows, columns] if the model reads each by itself.

    Frames of another size than the model's are scaled to it: tiles would have a map each.
    """
    frames = decode_pairs(raw["frame1_bytes"], raw["frame2_bytes"], config.model.channels)
    size, shape = config.model.image_size, tf.shape(frames)
    flat = tf.image.resize(tf.reshape(frames, [-1, *tf.unstack(shape[2:4]), shape[4]]), size)
    frames = tf.reshape(flat, [-1, 2, *size, config.model.channels])
    _, apart = grid_of(config.model)
    shares = attended.positions(model, frames)
    return {"attention": attended.places(shares, *size, frames=apart)}


SERVING = Serving(
    spec=spec, serve=serve, respond=respond, as_trained=as_trained, attended=attention
)
