"""The image classifier (paper, App. A): float32 [B, H, W, C], normalised -> logits, float32 [B, classes]."""

from __future__ import annotations

import dataclasses
from typing import Any

from tensorflow import keras

from perceiver_keras.config import FourierPosition, LearnedPosition
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.image_classification.presets import ImageClassifierConfig
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.shared.inputs import answer_each
from perceiver_keras.tasks.shared.pictures import TAKES, is_picture


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ImageClassifier(TaskModel):
    """Perceiver IO for images: normalised pixels, float32 [B, H, W, C] -> logits, float32 [B, classes]."""

    task_name = "image_classification"
    takes_transformer = True
    free_axes = slice(1, 3)
    config_class = ImageClassifierConfig
    heads, head_settings = ("decode/out/",), ("num_classes",)

    def __init__(self, config: ImageClassifierConfig, **kwargs: Any):
        super().__init__(
            config,
            preprocess=ImagePreprocess(
                stem=config.stem, position=config.position, name="preprocess"
            ),
            query=LearnedQuery(channels=config.query_dim, name="query"),
            decode=dataclasses.replace(config.decode, output_dim=config.num_classes),
            postprocess=ClassificationPostprocess(name="postprocess"),
            **kwargs,
        )

    @classmethod
    def position_grid(cls, config: ImageClassifierConfig) -> tuple[int, ...] | None:
        learned = isinstance(config.position, LearnedPosition)
        return _grid(config) if learned else None

    @classmethod
    def kept(cls, config: ImageClassifierConfig, start: ImageClassifierConfig) -> dict[str, Any]:
        """Fourier frequencies depend on the grid unless the resolution is set: it stays that of `start`.

        Then the same place of a picture, as a share of its sides, has the same features at any size.
        """
        positions = config.position, start.position
        if not all(isinstance(position, FourierPosition) for position in positions):
            return {}
        resolution = start.position.max_resolution or _grid(start)
        if resolution == (config.position.max_resolution or _grid(config)):
            return {}
        return {"position__max_resolution": resolution}

    def symbolic_inputs(self) -> Any:
        return keras.Input([*self.config.image_size, self.config.channels], name="image")

    def classify(self, pictures: Any, top: int = 5) -> list[Any]:
        """The `top` classes of each picture, best first: [[{"label": …, "score": …}, …], …].

        Args:
          pictures: A list of pictures, or one, whose answer alone is returned. A picture is a path, an encoded picture
            as bytes, a PIL image, or pixels [H, W], [H, W, 1] or [H, W, 3], uint8, uint16 or floating-point from 0 to
            1. Of [N, H, W, C] each is one.
          top: Classes per picture.

        Raises:
          UsageError: something is not a picture, or the model is not from `from_preset` or `load`.
        """
        return answer_each(pictures, is_picture, TAKES, lambda several: self.answer(several, top))


def _grid(config: ImageClassifierConfig) -> tuple[int, ...]:
    """Height and width of the array that the stem makes of a picture."""
    shape = (None, *config.image_size, config.channels)
    return ImagePreprocess(stem=config.stem, position=config.position).grid(shape)
