"""The image classifier (paper, App. A): float32 [B, H, W, C], normalised -> logits, float32 [B, classes]."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tensorflow import keras

from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.image_classification.presets import ImageClassifierConfig
from perceiver_keras.tasks.model import TaskModel


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ImageClassifier(TaskModel):
    """Perceiver IO for images: normalised pixels, float32 [B, H, W, C] -> logits, float32 [B, classes]."""

    task_name = "image_classification"
    config_class = ImageClassifierConfig

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

    def symbolic_inputs(self) -> Any:
        return keras.Input([*self.config.image_size, self.config.channels], name="image")

    def classify(self, pictures: Sequence[bytes], top: int = 5) -> list[list[dict[str, Any]]]:
        """The `top` classes of each encoded image, best first: [[{"label": …, "score": …}, …], …]."""
        return self.answer(pictures, top)
