"""Masked language modelling (paper, section 4.1; SPEC: Released settings): the model and its presets.

Inputs: ids [B, M] int and a mask [B, M], true where there is text; outputs logits [B, M, V] float32.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import (
    DataConfig,
    DecodeConfig,
    EncodeConfig,
    EvaluateConfig,
    PerceiverConfig,
    ProcessConfig,
    TaskConfig,
    TrainConfig,
    frozen,
)
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.postprocess.text import TextPostprocess
from perceiver_keras.preprocess.text import TextPreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.task import Preset

# === Configuration ===


@frozen()
class MaskedLanguageModelConfig(PerceiverConfig):
    """The model. `query_dim` must equal `channels`: the output layer is the input embeddings."""

    vocabulary: int = 262  # 256 bytes after 6 special ids
    length: int  # places of the text, and queries
    channels: int  # of the embeddings
    query_dim: int
    embedding_init_scale: float = 0.02
    mask_queries: bool = True  # outputs where there is no text see nothing; not in the PyTorch port


@frozen()
class LanguageMLMConfig(TaskConfig):
    model: MaskedLanguageModelConfig


# === Preprocess, encode, process, decode, postprocess: the model ===


@keras.saving.register_keras_serializable(package="perceiver_keras")
class MaskedLanguageModel(TaskModel):
    """Perceiver IO for text with masked tokens: ids [B, M] -> logits [B, M, V], float32.

    Takes {"ids": [B, M], "mask": [B, M]}, or the ids alone (all of them text). A text shorter than
    the model's length is as good as a padded one, and cheaper.
    """

    task_name = "language_mlm"
    config_class = MaskedLanguageModelConfig

    def __init__(self, config: MaskedLanguageModelConfig, **kwargs: Any):
        shared = {
            "activation": config.activation,
            "attention_memory_mb": config.attention_memory_mb,
        }
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
            encode=Encode(config.encode, **shared, name="encode"),
            process=Process(config.process, **shared, name="process"),
            query=LearnedQuery(
                num_queries=config.length, channels=config.query_dim, per_input=True, name="query"
            ),
            decode=Decode(config.decode, **shared, name="decode"),
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


# === Presets ===


def _paper(
    dataset: str, *, vocabulary: int = 262, length: int, latent_dim: int, layers: int
) -> LanguageMLMConfig:
    """The paper's sizes (Tab. 1, 11) and recipe (App. F.3): 500,000 steps of 2048 texts.

    The paper mixes 70 % C4 with 30 % Wikipedia; `data.dataset` names one set.
    """
    attention = {"qk_dim": 256, "v_dim": latent_dim}
    return LanguageMLMConfig(
        data=DataConfig(dataset=dataset, batch_size=2048),
        model=MaskedLanguageModelConfig(
            vocabulary=vocabulary,
            length=length,
            channels=768,
            query_dim=768,
            encode=EncodeConfig(
                num_latents=256, latent_dim=latent_dim, num_cross_attention_heads=8, **attention
            ),
            process=ProcessConfig(
                num_self_attention_layers=layers, num_self_attention_heads=8, **attention
            ),
            decode=DecodeConfig(num_cross_attention_heads=8, qk_dim=256, v_dim=768),
        ),
        train=TrainConfig(
            steps=500_000,
            learning_rate=1.25e-3,
            warmup_steps=1000,
            weight_decay=0.01,
            precision="mixed_bfloat16",
            evaluate_every=5000,
            checkpoint_every=1000,
        ),
        evaluate=EvaluateConfig(thresholds={"accuracy": 0.5}),
    )


PRESETS = {
    "language_mlm_bytes": Preset(
        config=_paper("c4/en", length=2048, latent_dim=1280, layers=26),
        source="released; paper Tab. 1: GLUE 81.0",
    ),
    "language_mlm_bytes_large": Preset(
        config=_paper("c4/en", length=2048, latent_dim=1536, layers=40),
        source="paper Tab. 1 and 11, Perceiver IO++: GLUE 81.8; heads and qk as in the release",
    ),
    "language_mlm_sentencepiece": Preset(
        config=_paper("c4/en", vocabulary=32_000, length=512, latent_dim=1280, layers=26),
        source="paper Tab. 1 and 11, SentencePiece: GLUE 81.2; heads and qk as in the release",
    ),
}
