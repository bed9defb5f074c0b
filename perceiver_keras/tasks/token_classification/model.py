"""The model that tags bytes, with one query per byte (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.postprocess.projection import ProjectionPostprocess
from perceiver_keras.preprocess.text import TextPreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.shared.inputs import answer_each
from perceiver_keras.tasks.shared.texts import TAKES, is_text
from perceiver_keras.tasks.token_classification.presets import TokenClassifierConfig


@keras.saving.register_keras_serializable(package="perceiver_keras")
class TokenClassifier(TaskModel):
    """Perceiver IO with one query per byte: {"ids" [B, M], "mask" [B, M]} -> logits [B, M, tags], float32."""

    task_name = "token_classification"
    takes_transformer = True
    config_class = TokenClassifierConfig
    heads, head_settings = ("postprocess/",), ("tags",)

    def __init__(self, config: TokenClassifierConfig, **kwargs: Any):
        super().__init__(
            config,
            preprocess=TextPreprocess(
                vocabulary=config.vocabulary,
                length=config.length,
                channels=config.channels,
                init_scale=config.embedding_init_scale,
                name="preprocess",
            ),
            query=LearnedQuery(
                num_queries=config.length, channels=config.query_dim, per_input=True, name="query"
            ),
            postprocess=ProjectionPostprocess(output_dim=len(config.tags), name="postprocess"),
            **kwargs,
        )

    @unconverted
    def call(self, inputs: Mapping[str, tf.Tensor], **kwargs: Any) -> Any:
        mask = tf.cast(inputs["mask"], tf.bool)  # Keras builds a loaded model on floats
        return super().call(inputs["ids"], mask=mask, query_mask=mask, **kwargs)

    def symbolic_inputs(self) -> Any:
        return {
            "ids": keras.Input([self.config.length], dtype=tf.int32, name="ids"),
            "mask": keras.Input([self.config.length], dtype=tf.bool, name="mask"),
        }

    def tag(self, texts: Any) -> list[Any]:
        """The entities of each text; see `predict.answers`.

        Args:
          texts: A list of texts, or one, whose answer alone is returned. A text is a str, its bytes, or the
            `pathlib.Path` of a text file.

        Raises:
          UsageError: something is not a text, or the model is not from `from_preset` or `load`.
        """
        return answer_each(texts, is_text, TAKES, self.answer)
