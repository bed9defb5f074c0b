"""The masked language model (paper, section 4.1): ids [B, M] and a mask [B, M] -> logits [B, M, V]."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.text.byte_tokenizer import ByteTokenizer
from perceiver_keras.perceiver_io_checks import whole
from perceiver_keras.postprocess.text import TextPostprocess
from perceiver_keras.preprocess.text import TextPreprocess
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.language_mlm import fill
from perceiver_keras.tasks.language_mlm.presets import MaskedLanguageModelConfig
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.shared.inputs import answer_each, numbered
from perceiver_keras.tasks.shared.texts import TAKES, is_text, to_bytes
from perceiver_keras.tasks.shared.tokens import tokenizer_of


@keras.saving.register_keras_serializable(package="perceiver_keras")
class MaskedLanguageModel(TaskModel):
    """Perceiver IO for text with masked tokens: ids [B, M] -> logits [B, M, V], float32.

    Takes {"ids": [B, M], "mask": [B, M]}, with the mask true where there is text, or the ids alone if all of them are
    text. M may be less than the model's length: results equal those of the padded text, and cost less.
    """

    task_name = "language_mlm"
    takes_transformer = True
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

    @unconverted
    def call(self, inputs: Any, mask: tf.Tensor | None = None, **kwargs: Any) -> Any:
        if isinstance(inputs, dict):
            inputs, mask = inputs["ids"], inputs["mask"]
        if self.config.mask_queries:
            kwargs.setdefault("query_mask", mask)
        return super().call(inputs, mask=mask, **kwargs)

    def check_inputs(self, inputs: Any) -> None:
        alone = {"ids": inputs, "mask": None}  # whose mask comes as an argument
        super().check_inputs(inputs if isinstance(inputs, dict) else alone)

    def symbolic_inputs(self) -> Any:
        return {
            "ids": keras.Input([self.config.length], dtype=tf.int32, name="ids"),
            "mask": keras.Input([self.config.length], dtype=tf.bool, name="mask"),
        }

    def fill_mask(self, texts: Any, top: int = 5) -> list[Any]:
        """Fills the masks of texts of any length; each `[MASK]` stands for one missing byte (or token).

        Args:
          texts: A list of texts, or one, whose entry alone is returned. A text is a str, its bytes, or the
            `pathlib.Path` of a text file.
          top: Candidates per mask.

        Returns:
          One entry per text, with Hugging Face's keys: a list of {"score", "token", "token_str", "sequence"}, best
          first, if the text has one mask; a list of such lists if it has several; an empty list if it has none.

        Raises:
          UsageError: something is not a text, or `top` is below 1.
        """
        whole("top", top)
        return answer_each(texts, is_text, TAKES, lambda several: self._fill_each(several, top))

    def _fill_each(self, several: list[Any], top: int) -> list[Any]:
        names = numbered("text", len(several))
        encoded = [to_bytes(one, name) for one, name in zip(several, names, strict=True)]
        tokenizer = tokenizer_of(self.task_config) if self.task_config else ByteTokenizer()
        outputs = fill.fill(self, tokenizer, tf.constant(encoded), top)
        return fill.answers({k: v.numpy() for k, v in outputs.items()}, None, top)
