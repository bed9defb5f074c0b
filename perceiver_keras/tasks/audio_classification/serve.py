"""WAVs, string [B], and encoded frames [B, T] for a model that also sees -> `probabilities` [B, classes]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data import audio
from perceiver_keras.tasks.audio_classification.data import samples_per_frame, to_input
from perceiver_keras.tasks.audio_classification.model import input_spec
from perceiver_keras.tasks.audio_classification.presets import AudioClassificationConfig
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving


def spec(config: AudioClassificationConfig) -> dict[str, tf.TensorSpec]:
    spec = {"audio_bytes": tf.TensorSpec([None], tf.string)}
    if config.model.film is not None:
        spec["frames_bytes"] = tf.TensorSpec([None, None], tf.string)
    return spec


@unconverted
def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: AudioClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """WAVs, string [B], and encoded frames [B, T] for a model that also sees -> `probabilities` [B, classes].

    A sound longer than the model's is cut into evenly spaced windows, whose probabilities are averaged.
    """
    m = config.model
    wavs = tf.convert_to_tensor(raw["audio_bytes"])
    inputs = (wavs,)
    if m.film is not None:
        inputs += (tf.convert_to_tensor(raw["frames_bytes"]),)

    def one(parts: tuple[tf.Tensor, ...]) -> tf.Tensor:
        prepared = tf.map_fn(
            lambda window: to_input(window[0], window[1] if m.film else None, m),
            _windows(parts[0], parts[1] if m.film else None, config),
            fn_output_signature=input_spec(m),
        )
        return tf.reduce_mean(tf.nn.sigmoid(model(prepared, training=False)), axis=0)

    spec = tf.TensorSpec([m.num_classes], tf.float32)
    return {"probabilities": tf.map_fn(one, inputs, fn_output_signature=spec)}


def _windows(
    wav: tf.Tensor, frames: tf.Tensor | None, config: AudioClassificationConfig
) -> tuple[tf.Tensor, ...]:
    """A whole sound in n windows: (samples [n, S],), or with frames (samples [n, S], encoded frames [n, T])."""
    m = config.model
    each = samples_per_frame(m) if frames is not None else 1
    size = m.num_samples // each  # of a window, in frames or samples
    if frames is None:
        samples = audio.decode_whole(wav, m.sample_rate)
        total = tf.shape(samples)[0]
    else:
        total = tf.shape(frames)[0]
        samples = audio.decode_wav(wav, total * each, m.sample_rate)
    longer = tf.maximum((total + size - 1) // size, config.data.windows)
    count = tf.where(total > size, longer, 1)
    spare = tf.cast(tf.maximum(total - size, 0), tf.float32)
    starts = tf.cast(tf.round(tf.linspace(0.0, spare, count)), tf.int32)
    samples = tf.pad(samples, [[0, tf.maximum(m.num_samples - tf.shape(samples)[0], 0)]])
    places = starts[:, None] * each + tf.range(m.num_samples)[None]
    windows = (tf.gather(samples, places),)
    if frames is not None:
        places = tf.minimum(starts[:, None] + tf.range(size)[None], total - 1)
        windows += (tf.gather(frames, places),)
    return windows


@unconverted
def respond(
    inputs: Mapping[str, tf.Tensor],
    logits: tf.Tensor,
    config: AudioClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.nn.sigmoid(logits)}


def as_trained(raw: Mapping[str, tf.Tensor], config: AudioClassificationConfig) -> tf.Tensor:
    """Of a longer sound, `prepare` takes a part."""
    m = config.model
    if m.film is not None:
        frames = raw["frames_bytes"]
        return tf.fill(tf.shape(frames)[:1], frames.shape[1] == m.film.num_frames)
    return tf.map_fn(
        lambda wav: tf.size(audio.decode_whole(wav, m.sample_rate)) <= m.num_samples,
        raw["audio_bytes"],
        fn_output_signature=tf.bool,
    )


SERVING = Serving(
    of_classes="Each class is judged by itself: several of them may be likely, or none.",
    spec=spec,
    serve=serve,
    respond=respond,
    as_trained=as_trained,
)
