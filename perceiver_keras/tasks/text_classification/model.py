"""The model that classifies texts, with one learned query (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.text import TextPreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.text_classification.predict import to_content
from perceiver_keras.tasks.text_classification.presets import TextClassifierConfig


@keras.saving.register_keras_serializable(package="perceiver_keras")
class TextClassifier(TaskModel):
    """Perceiver IO for texts: {"ids" [B, M], "mask" [B, M]} -> logits [B, classes], float32.

    With `config.num_classes` 1 the outputs are numbers [B, 1] in the unit of the labels.
    """

    task_name = "text_classification"
    takes_transformer = True
    config_class = TextClassifierConfig
    heads = ("postprocess/",)
    head_settings = ("num_classes", "number_mean", "number_std")

    def __init__(self, config: TextClassifierConfig, **kwargs: Any):
        super().__init__(
            config,
            preprocess=TextPreprocess(
                vocabulary=config.vocabulary,
                length=config.length,
                channels=config.channels,
                init_scale=config.embedding_init_scale,
                name="preprocess",
            ),
            query=LearnedQuery(channels=config.query_dim, name="query"),
            # The classes' Linear is not the decoder's, so that the decoder of a language model fits.
            postprocess=ClassificationPostprocess(
                num_classes=config.num_classes, name="postprocess"
            ),
            **kwargs,
        )

    @unconverted
    def call(self, inputs: Mapping[str, tf.Tensor], **kwargs: Any) -> Any:
        mask = tf.cast(inputs["mask"], tf.bool)  # Keras builds a loaded model on floats
        outputs = super().call(inputs["ids"], mask=mask, **kwargs)
        if self.config.num_classes > 1:
            return outputs
        outputs, *maps = outputs if isinstance(outputs, tuple) else (outputs,)
        outputs = self.config.number_mean + self.config.number_std * outputs
        return (outputs, *maps) if maps else outputs

    def symbolic_inputs(self) -> Any:
        return {
            "ids": keras.Input([self.config.length], dtype=tf.int32, name="ids"),
            "mask": keras.Input([self.config.length], dtype=tf.bool, name="mask"),
        }

    def classify(self, texts: Any, top: int = 5) -> list[Any]:
        """The `top` classes of each text, best first: [[{"label": …, "score": …}, …], …].

        Args:
          texts: A text, str or bytes; for a model of pairs a tuple of two texts; or several of these.
          top: How many classes to return. A model of numbers returns one {"label": "score", "score": …} per text.

        Raises:
          UsageError: `texts` is something else, or the model takes pairs and these are none, or the other way round.
        """
        pairs = self.task_config is not None and self.task_config.data.text2 is not None
        one = isinstance(texts, (str, bytes)) or (
            pairs
            and isinstance(texts, tuple)
            and len(texts) == 2
            and all(isinstance(text, (str, bytes)) for text in texts)
        )
        listed = [texts] if one or not isinstance(texts, Iterable) else list(texts)
        return self.answer([to_content(text) for text in listed], top) if listed else []
