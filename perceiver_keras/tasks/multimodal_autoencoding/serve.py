"""Encoded frames [B, T] and WAVs [B] -> `video` [B, T, H, W, 3], `audio` [B, S], `probabilities` [B, classes]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data import audio
from perceiver_keras.data.video.clips import decode_frames
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.multimodal_autoencoding.data import sample_rate, to_input
from perceiver_keras.tasks.multimodal_autoencoding.presets import MultimodalAutoencodingConfig
from perceiver_keras.tasks.shared import requests


def spec(config: MultimodalAutoencodingConfig) -> dict[str, tf.TensorSpec]:
    return {
        "frames_bytes": tf.TensorSpec([None, None], tf.string),
        "audio_bytes": tf.TensorSpec([None], tf.string),
    }


@unconverted
def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: MultimodalAutoencodingConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """Encoded frames [B, T], WAVs [B] -> `video` [B, T, H, W, 3], `audio` [B, S], `probabilities` [B, classes].

    Frames are 25 per second; sound has any rate. A clip longer than the model's is served window by window, one in
    memory at a time. The last window is padded with its last frame and silence, and its outputs are cut to length.

    Raises:
      InvalidArgumentError: there is no clip, or there are no frames.
    """
    m = config.model
    encoded = requests.some(tf.convert_to_tensor(raw["frames_bytes"]), "frames")
    wavs = tf.convert_to_tensor(raw["audio_bytes"])
    batch, frames = tf.shape(encoded)[0], tf.shape(encoded)[1]
    windows = (frames + m.num_frames - 1) // m.num_frames
    order = tf.minimum(tf.range(windows * m.num_frames), frames - 1)
    encoded = tf.reshape(tf.gather(encoded, order, axis=1), [batch, windows, m.num_frames])
    sound = tf.map_fn(
        lambda wav: audio.decode_wav(wav, windows * m.audio_samples, sample_rate(config)),
        wavs,
        fn_output_signature=tf.TensorSpec([None], tf.float32),
    )
    sound = tf.reshape(sound, [batch, windows, m.audio_samples])

    def one(window: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        inputs = tf.map_fn(
            lambda clip: to_input(decode_frames(clip[0], m.image_size), clip[1], config),
            window,
            fn_output_signature=_input_spec(config),
        )
        return respond(inputs, model(inputs, training=False), config, labels)

    outputs = tf.map_fn(
        one,
        (tf.transpose(encoded, [1, 0, 2]), tf.transpose(sound, [1, 0, 2])),
        parallel_iterations=1,
        fn_output_signature={
            "video": tf.TensorSpec([None, m.num_frames, *m.image_size, m.channels]),
            "audio": tf.TensorSpec([None, m.audio_samples]),
            "probabilities": tf.TensorSpec([None, m.num_classes]),
        },
    )
    clip = tf.transpose(outputs["video"], [1, 0, 2, 3, 4, 5])
    clip = tf.reshape(clip, [batch, -1, *m.image_size, m.channels])
    sound = tf.reshape(tf.transpose(outputs["audio"], [1, 0, 2]), [batch, -1])
    return {
        "video": clip[:, :frames],
        "audio": sound[:, : frames * (m.audio_samples // m.num_frames)],
        "probabilities": tf.reduce_mean(outputs["probabilities"], axis=0),
    }


def _input_spec(config: MultimodalAutoencodingConfig) -> dict[str, tf.TensorSpec]:
    m = config.model
    return {
        "image": tf.TensorSpec([m.num_frames, *m.image_size, m.channels]),
        "audio": tf.TensorSpec([m.audio_samples, 1]),
        "label": tf.TensorSpec([m.num_classes]),
    }


@unconverted
def respond(
    inputs: Mapping[str, tf.Tensor],
    outputs: Mapping[str, tf.Tensor],
    config: MultimodalAutoencodingConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    return {
        "video": outputs["image"],
        "audio": outputs["audio"],
        "probabilities": tf.nn.softmax(outputs["label"]),
    }


def as_trained(raw: Mapping[str, tf.Tensor], config: MultimodalAutoencodingConfig) -> tf.Tensor:
    """Of a longer clip, `prepare` takes the first window."""
    frames = raw["frames_bytes"]
    return tf.fill(tf.shape(frames)[:1], frames.shape[1] == config.model.num_frames)


SERVING = Serving(spec=spec, serve=serve, respond=respond, as_trained=as_trained)
