"""The model that says what is in a sound, or in a sound and its film, and its settings (paper, App. C and Tab. 5).

Inputs: {"audio": samples [B, S, 1] in [-1, 1], or a log-mel spectrogram [B, windows, bins, 1]} and, with video,
{"image": frames [B, T, H, W, 3] in [0, 1]}; outputs logits [B, classes], one independent of the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import (
    DataConfig,
    FourierPosition,
    PatchStem,
    PerceiverConfig,
    TaskConfig,
    frozen,
)
from perceiver_keras.data import audio, video
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.audio import AudioPreprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.preprocess.multimodal import MultimodalPreprocess
from perceiver_keras.preprocess.video import VideoPreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.model import TaskModel

# === Configuration ===


@frozen()
class RawSound:
    """Patches of samples."""

    samples_per_patch: int = 128
    bands: int  # of the positions of the patches


@frozen()
class MelSound:
    """A log-mel spectrogram, square patches of which are the elements."""

    bins: int
    window: int  # samples
    hop: int  # samples
    patch: int = 1  # side, in windows and bins
    bands: int


@frozen()
class Film:
    """The frames that go with the sound, 25 a second."""

    num_frames: int
    image_size: tuple[int, ...]  # height, width
    temporal_patch: int = 2  # frames
    spatial_patch: int = 8  # pixels
    bands: int


@frozen()
class AudioClassifierConfig(PerceiverConfig):
    num_samples: int
    sample_rate: int
    sound: RawSound | MelSound
    film: Film | None = None  # None: the model only hears
    num_classes: int
    query_dim: int
    input_padding: int = 4  # least channels of padding of every input modality


@frozen()
class AudioData(DataConfig):
    """What is stored, and how long sounds are heard."""

    max_labels: int  # of a stored example; -1 fills up
    stored_frames: int | None = None  # frames of a stored film; None: as many as the model takes
    windows: int = (
        1  # that a longer sound is at least heard in when served; they overlap, and are averaged
    )


@frozen()
class AudioClassificationConfig(TaskConfig):
    data: AudioData
    model: AudioClassifierConfig


# === The model ===


@keras.saving.register_keras_serializable(package="perceiver_keras")
class AudioClassifier(TaskModel):
    """Perceiver IO for sounds, with their films where the settings have one -> logits [B, classes]."""

    task_name = "audio_classification"
    config_class = AudioClassifierConfig

    def __init__(self, config: AudioClassifierConfig, **kwargs: Any):
        shared = {
            "activation": config.activation,
            "attention_memory_mb": config.attention_memory_mb,
        }
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
            encode=Encode(config.encode, **shared, name="encode"),
            process=Process(config.process, **shared, name="process"),
            query=LearnedQuery(channels=config.query_dim, name="query"),
            decode=Decode(
                dataclasses.replace(config.decode, output_dim=config.num_classes),
                **shared,
                name="decode",
            ),
            postprocess=ClassificationPostprocess(name="postprocess"),
            **kwargs,
        )

    def symbolic_inputs(self) -> Any:
        shapes = {name: spec.shape for name, spec in input_spec(self.config).items()}
        return {name: keras.Input(shape, name=name) for name, shape in shapes.items()}

    def classify(self, sounds: Sequence[Any], top: int = 5) -> list[list[dict[str, Any]]]:
        """What is in each sound: [[{"label": …, "score": …}, …], …], the likeliest first.

        Args:
          sounds: Paths or bytes of files of sound, of any format and length; for a model that also sees,
            paths of films, or `Clip`s.
          top: Labels a sound. Each has a probability of its own; they don't add up to 1.
        """
        return self.answer(sounds, top)


def input_spec(config: AudioClassifierConfig) -> dict[str, tf.TensorSpec]:
    """One example as the model takes it."""
    sound, film = config.sound, config.film
    shape = [config.num_samples, 1]
    if isinstance(sound, MelSound):
        shape = [-(-config.num_samples // sound.hop), sound.bins, 1]
    spec = {"audio": tf.TensorSpec(shape, tf.float32)}
    if film is not None:
        spec["image"] = tf.TensorSpec([film.num_frames, *film.image_size, 3], tf.float32)
    return spec


def to_input(
    samples: tf.Tensor, frames: tf.Tensor | None, config: AudioClassifierConfig
) -> dict[str, tf.Tensor]:
    """Samples [S], and encoded frames [T] for a model that sees, to one example as the model takes it."""
    sound = config.sound
    if isinstance(sound, MelSound):
        samples = audio.log_mel(
            samples, config.sample_rate, bins=sound.bins, window=sound.window, hop=sound.hop
        )
        samples = samples / 5.0 + 1.0  # about -2 to 2
    inputs = {"audio": samples[..., None]}
    if config.film is not None:
        inputs["image"] = video.decode_frames(frames, config.film.image_size)
    return inputs
