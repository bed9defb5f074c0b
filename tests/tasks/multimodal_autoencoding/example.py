"""A rendered clip, for the tests of clips: a square with its tone."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.data import audio
from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as builder
from perceiver_keras.data.video.clips import Clip


def clip(frames: int = 4, seed: int = 0) -> Clip:
    pixels, radius = builder.render(np.random.default_rng(seed), 1, frames)
    encoded = tuple(tf.io.encode_png(frame).numpy() for frame in pixels)
    sound = builder.tone(1, radius / 8, frames * builder.SAMPLES)
    return Clip(encoded, audio.encode_wav(sound, builder.RATE))


def features() -> dict[str, tf.Tensor]:
    one = clip()
    label = tf.constant(1, tf.int64)
    return {"frames": tf.constant(one.frames), "audio": tf.constant(one.sound), "label": label}
