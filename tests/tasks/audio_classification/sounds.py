"""Sounds, with and without frames, for the tests of audio classification."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data import audio
from perceiver_keras.data.video.clips import Clip
from perceiver_keras.tasks.audio_classification.presets import TINY

# A small model that also sees: 4 frames with their sound, raw, of clips with 7 stored frames.
SEEING = override(
    TINY,
    'model.sound={"kind": "RawSound", "samples_per_patch": 32, "bands": 4}',
    'model.film={"num_frames": 4, "image_size": [16, 16], "bands": 3}',
    "model.num_samples=1280",
    "data.stored_frames=7",
    "data.windows=2",
)
RISING = np.repeat(np.arange(7) / 10, 320)  # as loud as the frame is bright


def wav(samples: int = 5120, rate: int = 8000) -> bytes:
    return audio.encode_wav(np.random.default_rng(0).uniform(-0.5, 0.5, samples), rate)


def brightening() -> Clip:
    """Seven frames, each brighter by 30 (of 255), and their sound `RISING`."""
    frames = [np.full((16, 16, 3), 30 * i, np.uint8) for i in range(7)]
    encoded = tuple(tf.io.encode_png(frame).numpy() for frame in frames)
    return Clip(encoded, audio.encode_wav(RISING, 8000))
