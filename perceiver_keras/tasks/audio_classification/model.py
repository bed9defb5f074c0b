"""The classifier of sounds, with or without their video (paper, App. C and Tab. 5).

Inputs: {"audio": samples [B, S, 1] in [-1, 1], or a log-mel spectrogram [B, windows, bins, 1]} and, with video,
{"image": frames [B, T, H, W, 3] in [0, 1]}; outputs logits [B, classes], each independent of the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import (
    FourierPosition,
    PatchStem,
)
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


@keras.saving.register_keras_serializable(package="perceiver_keras")
class AudioClassifier(TaskModel):
    """Perceiver IO for sounds, with frames if `config.film` is set -> logits [B, classes]."""

    task_name = "audio_classification"
    config_class = AudioClassifierConfig

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

    def classify(self, sounds: Sequence[Any], top: int = 5) -> list[list[dict[str, Any]]]:
        """What is heard in each sound, likeliest first: [[{"label": …, "score": …}, …], …].

        Args:
          sounds: Paths or bytes of sound files of any format and length; for a model that also sees, paths of
            videos, or `Clip`s.
          top: Labels per sound. Each has its own probability; they don't add up to 1.

        Raises:
          PerceiverError: a file is not a sound or a video. UsageError: the model is not from `from_preset` or `load`.
        """
        return self.answer(sounds, top)


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
