"""The masked language model (paper, section 4.1): ids [B, M] and a mask [B, M], true where there is text -> logits [B, M, V]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.byte_tokenizer import ByteTokenizer
from perceiver_keras.errors import UsageError
from perceiver_keras.postprocess.text import TextPostprocess
from perceiver_keras.preprocess.text import TextPreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.language_mlm import fill
from perceiver_keras.tasks.language_mlm.presets import MaskedLanguageModelConfig
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.shared.tokens import tokenizer_of


@keras.saving.register_keras_serializable(package="perceiver_keras")
class MaskedLanguageModel(TaskModel):
    """Perceiver IO for text with masked tokens: ids [B, M] -> logits [B, M, V], float32.

    Takes {"ids": [B, M], "mask": [B, M]}, or the ids alone (all of them text). A text shorter than
    the model's length is as good as a padded one, and cheaper.
    """

    task_name = "language_mlm"
    config_class = MaskedLanguageModelConfig

    def __init__(self, config: MaskedLanguageModelConfig, **kwargs: Any):
        text = TextPreprocess(
            vocabulary=config.vocabulary,
            length=config.length,
            channels=config.channels,
            init_scale=config.embedding_init_scale,
            name="preprocess",
        )
        super().__init__(
            config,
            preprocess=text,
            query=LearnedQuery(
                num_queries=config.length, channels=config.query_dim, per_input=True, name="query"
            ),
            postprocess=TextPostprocess(embedding=text, name="postprocess"),
            **kwargs,
        )

    def call(self, inputs: Any, mask: tf.Tensor | None = None, **kwargs: Any) -> Any:
        if isinstance(inputs, dict):
            inputs, mask = inputs["ids"], inputs["mask"]
        if self.config.mask_queries:
            kwargs.setdefault("query_mask", mask)
        return super().call(inputs, mask=mask, **kwargs)

    def symbolic_inputs(self) -> Any:
        return {
            "ids": keras.Input([self.config.length], dtype=tf.int32, name="ids"),
            "mask": keras.Input([self.config.length], dtype=tf.bool, name="mask"),
        }

    def fill_mask(self, texts: Sequence[str | bytes], top: int = 5) -> list[Any]:
        """Texts with `[MASK]` for each byte (or token) that is missing, of any length, to their fillings.

        Returns:
          One entry a text, with Hugging Face's keys: for one mask a list of {"score", "token", "token_str",
          "sequence"}, best first; for several a list of such lists; for none an empty list.
        """
        if isinstance(texts, (str, bytes)):
            raise UsageError("fill_mask takes a list of texts and returns a list.")
        if not texts:
            return []
        tokenizer = tokenizer_of(self.task_config) if self.task_config else ByteTokenizer()
        outputs = fill.fill(self, tokenizer, tf.constant(texts), top)
        return fill.answers({k: v.numpy() for k, v in outputs.items()}, None, top)
