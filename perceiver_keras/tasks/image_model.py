"""The classifier of pictures: its configuration and its six stages (paper, section 4.5; SPEC: Released settings).

Inputs [B, H, W, C] float32, normalised; outputs logits [B, classes] float32.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from tensorflow import keras

from perceiver_keras import config as c
from perceiver_keras.data import image
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.model import TaskModel

# === Configuration ===


@c.frozen()
class ImageData(c.DataConfig):
    """How a stored picture becomes the model's input. `mean`, `std`: per channel, of values 0 to 255."""

    augment: Literal["none", "affine", "inception"] = "none"
    degrees: float = 8.0  # for augment="affine": largest turn,
    scale: float = 0.1  # change of each side,
    shift: float = 0.8  # and move in pixels
    mean: tuple[float, ...] = image.IMAGENET_MEAN
    std: tuple[float, ...] = image.IMAGENET_STDDEV


@c.frozen()
class ImageClassifierConfig(c.PerceiverConfig):
    """The model: a stem, positions, encode, process, one learned query of `query_dim` channels."""

    image_size: tuple[int, ...]  # height, width
    channels: int = 3
    num_classes: int
    stem: c.Stem
    position: c.Position
    query_dim: int


@c.frozen()
class ImageClassificationConfig(c.TaskConfig):
    data: ImageData
    model: ImageClassifierConfig


# === Preprocess, encode, process, decode, postprocess: the model ===


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ImageClassifier(TaskModel):
    """Perceiver IO for pictures: [B, H, W, C] normalised pixels -> logits [B, classes], float32."""

    task_name = "image_classification"
    config_class = ImageClassifierConfig

    def __init__(self, config: ImageClassifierConfig, **kwargs: Any):
        shared = {
            "activation": config.activation,
            "attention_memory_mb": config.attention_memory_mb,
        }
        super().__init__(
            config,
            preprocess=ImagePreprocess(
                stem=config.stem, position=config.position, name="preprocess"
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
        return keras.Input([*self.config.image_size, self.config.channels], name="image")

    def classify(self, pictures: Sequence[bytes], top: int = 5) -> list[list[dict[str, Any]]]:
        """Encoded pictures to their top classes: [[{"label": …, "score": …}, …], …]."""
        return self.answer(pictures, top)
