"""The classifier of sounds, with or without their video (paper, App. C and Tab. 5).

Inputs: {"audio": samples [B, S, 1] in [-1, 1], or a log-mel spectrogram [B, windows, bins, 1]} and, with video,
{"image": frames [B, T, H, W, 3] in [0, 1]}; outputs logits [B, classes], each independent of the others.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import (
    FourierPosition,
    PatchStem,
)
from perceiver_keras.data.video.clips import Clip, is_video
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.audio import AudioPreprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.preprocess.multimodal import MultimodalPreprocess
from perceiver_keras.preprocess.video import VideoPreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.audio_classification.presets import (
    AudioClassifierConfig,
    MelSound,
    RawSound,
)
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.shared import recordings
from perceiver_keras.tasks.shared.clips import to_clip
from perceiver_keras.tasks.shared.inputs import answer_each, numbered


@keras.saving.register_keras_serializable(package="perceiver_keras")
class AudioClassifier(TaskModel):
    """Perceiver IO for sounds, with frames if `config.film` is set -> logits [B, classes]."""

    task_name = "audio_classification"
    free_axes = slice(1, -1)
    config_class = AudioClassifierConfig
    heads, head_settings = ("decode/out/",), ("num_classes",)

    def __init__(self, config: AudioClassifierConfig, **kwargs: Any):
        sound, film = config.sound, config.film
        position = FourierPosition(num_bands=sound.bands)
        if isinstance(sound, RawSound):
            modalities = {
                "audio": AudioPreprocess(
                    samples_per_patch=sound.samples_per_patch, position=position
                )
            }
        else:
            stem = PatchStem(spatial_downsample=sound.patch)
            modalities = {"audio": ImagePreprocess(stem=stem, position=position)}
        if film is not None:
            modalities["image"] = VideoPreprocess(
                spatial_patch=film.spatial_patch,
                temporal_patch=film.temporal_patch,
                position=FourierPosition(num_bands=film.bands),
            )
        super().__init__(
            config,
            preprocess=MultimodalPreprocess(
                modalities=modalities, min_padding_size=config.input_padding, name="preprocess"
            ),
            query=LearnedQuery(channels=config.query_dim, name="query"),
            decode=dataclasses.replace(config.decode, output_dim=config.num_classes),
            postprocess=ClassificationPostprocess(name="postprocess"),
            **kwargs,
        )

    def symbolic_inputs(self) -> Any:
        shapes = {name: spec.shape for name, spec in input_spec(self.config).items()}
        return {name: keras.Input(shape, name=name) for name, shape in shapes.items()}

    def classify(self, sounds: Any, top: int = 5, rate: float | None = None) -> list[Any]:
        """What is heard in each sound, likeliest first: [[{"label": …, "score": …}, …], …].

        Args:
          sounds: A list of sounds, or one, whose answer alone is returned. A sound is a path or the bytes of a file of
            any format and length; (samples, rate); or samples [n] or [n, channels], int16, int32, uint8 or
            floating-point from -1 to 1. For a model that also sees, it is the path of a video, or a `Clip`.
          top: Labels per sound. Each has its own probability; they don't add up to 1.
          rate: Samples per second, of samples that come without one.

        Raises:
          PerceiverError: a file is not a sound or a video. UsageError: the model is not from `from_preset` or `load`.
        """
        return answer_each(
            sounds,
            recordings.is_sound,
            recordings.TAKES,
            lambda several: self.answer(self._prepared(several, rate), top),
        )

    def _prepared(self, sounds: list[Any], rate: float | None) -> list[Any]:
        """WAVs, or clips of videos if the model also sees."""
        sees = self.config.film is not None
        found = []
        for name, sound in zip(numbered("sound", len(sounds)), sounds, strict=True):
            path = isinstance(sound, (str, os.PathLike))
            if isinstance(sound, Clip):
                found.append(sound)
            elif sees and path and is_video(sound):
                found.append(to_clip(sound))
            else:
                found.append(recordings.to_wav(sound, rate, name))
        return found


def input_spec(config: AudioClassifierConfig) -> dict[str, tf.TensorSpec]:
    """Shapes and types of the inputs of one example."""
    sound, film = config.sound, config.film
    shape = [config.num_samples, 1]
    if isinstance(sound, MelSound):
        shape = [-(-config.num_samples // sound.hop), sound.bins, 1]
    spec = {"audio": tf.TensorSpec(shape, tf.float32)}
    if film is not None:
        spec["image"] = tf.TensorSpec([film.num_frames, *film.image_size, 3], tf.float32)
    return spec
