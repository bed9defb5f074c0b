"""From a stored sound, with frames for a model that also sees, to (inputs, labels).

Labels are float32 [classes], 1 for each that applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data import audio, image
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.video.clips import FRAMES_PER_SECOND, decode_frames
from perceiver_keras.tasks.audio_classification.own_data import OWN_DATA
from perceiver_keras.tasks.audio_classification.presets import (
    AudioClassificationConfig,
    AudioClassifierConfig,
    MelSound,
)
from perceiver_keras.tasks.contract.examples import Examples
from perceiver_keras.tasks.shared.labels import check_num_classes


def spec(config: AudioClassificationConfig) -> dict[str, Any]:
    spec = {
        "audio": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([config.data.max_labels], tf.int64),
    }
    if config.model.film is not None:
        spec["frames"] = tf.io.FixedLenFeature([_stored_frames(config)], tf.string)
    return spec


def _stored_frames(config: AudioClassificationConfig) -> int:
    return config.data.stored_frames or config.model.film.num_frames


def check(features: Mapping[str, Any], config: AudioClassificationConfig) -> str | None:
    """Why a stored example can't be used; None if it can."""
    for name in spec(config):
        if not features.get(name):
            return f"feature {name!r} is missing or empty"
    for label in features["label"]:
        if not -1 <= label < config.model.num_classes:
            return f"label {label} is not in -1 to {config.model.num_classes - 1}"
    for number, frame in enumerate(features.get("frames", ()) if config.model.film else ()):
        if reason := image.check_image(frame):
            return f"frame {number}: {reason}"
    reason = audio.check_wav(features["audio"][0])
    return reason and f"audio: {reason}"


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor],
    config: AudioClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
    """The part of the stored sound that the model takes: a random part in training, else the middle."""
    m, frames = config.model, None
    if m.film is None:
        samples = audio.decode_wav(features["audio"], m.num_samples, m.sample_rate)
    else:
        stored = _stored_frames(config)
        spare = stored - m.film.num_frames + 1
        start = tf.constant((spare - 1) // 2)
        if training and spare > 1:
            start = tf.random.stateless_uniform(
                [], seed, maxval=spare, dtype=tf.int32, alg="philox"
            )
        frames = features["frames"][start : start + m.film.num_frames]
        frames = tf.ensure_shape(frames, [m.film.num_frames])
        each = samples_per_frame(m)
        samples = audio.decode_wav(features["audio"], stored * each, m.sample_rate)
        samples = samples[start * each : start * each + m.num_samples]
        samples = tf.ensure_shape(samples, [m.num_samples])
    label = features.get("label")
    if label is not None:  # one-hot of -1 is zeros
        label = tf.reduce_max(tf.one_hot(label, m.num_classes), axis=0)
    return to_input(samples, frames, m), label


def to_input(
    samples: tf.Tensor, frames: tf.Tensor | None, config: AudioClassifierConfig
) -> dict[str, tf.Tensor]:
    """Samples [S], and encoded frames [T] for a model that also sees, as the inputs of one example."""
    sound = config.sound
    if isinstance(sound, MelSound):
        samples = audio.log_mel(
            samples, config.sample_rate, bins=sound.bins, window=sound.window, hop=sound.hop
        )
        samples = samples / 5.0 + 1.0  # about -2 to 2
    inputs = {"audio": samples[..., None]}
    if config.film is not None:
        inputs["image"] = decode_frames(frames, config.film.image_size)
    return inputs


def samples_per_frame(config: AudioClassifierConfig) -> int:
    return config.sample_rate // FRAMES_PER_SECOND


def kinds(config: AudioClassificationConfig) -> dict[str, Kind]:
    frames: dict[str, Kind] = {} if config.model.film is None else {"frames": "pictures"}
    return {"audio": "sound", "label": "labels", **frames}


EXAMPLES = Examples(
    spec=spec,
    label_key="label",
    check=check,
    check_dataset=check_num_classes,
    prepare=prepare,
    kinds=kinds,
    own_data=OWN_DATA,
)
