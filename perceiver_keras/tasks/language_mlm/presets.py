"""Configurations of masked language models: the settings, the released and the paper's sizes, and `tiny`."""

from __future__ import annotations

import dataclasses

from perceiver_keras import config as c
from perceiver_keras.config_tree import override
from perceiver_keras.data.text.masking import Masking
from perceiver_keras.tasks.shared import text_sizes
from perceiver_keras.tasks.task import Preset

# === Configuration ===


@c.frozen()
class LanguageData(c.DataConfig):
    """Which parts of a text are masked, and how it is split into tokens."""

    masking: Masking = "words"  # what is masked: single tokens, or whole words
    # Of tokens or words, in evaluation and, by default, in training [share]
    mask_rate: float = 0.15
    # The same in training; null: mask_rate; small models learn faster with more [share]
    train_mask_rate: float | None = None
    # The file of a SentencePiece model; "train": one trained on the training split; null: bytes
    sentencepiece: str | None = None


@c.frozen()
class MaskedLanguageModelConfig(c.PerceiverConfig):
    """The model. `query_dim` must equal `channels`, because the output layer reuses the input embeddings."""

    vocabulary: int = 262  # size of it; of bytes, 256 after 6 special ids [ids]
    length: int  # longest text, and number of queries [tokens]
    channels: int  # numbers per embedded byte or token [channels]
    query_dim: int  # Q, numbers per query [channels]
    embedding_init_scale: float = 0.02  # standard deviation of embeddings before training [1]
    # Whether queries of padding are masked (docs/architecture.md, Where the two codes differ)
    mask_queries: bool = True


@c.frozen()
class LanguageMLMConfig(c.TaskConfig):
    data: LanguageData
    model: MaskedLanguageModelConfig


# === Presets ===


TINY = LanguageMLMConfig(
    data=LanguageData(
        dataset="perceiver_docs",
        masking="tokens",
        train_mask_rate=0.3,
        batch_size=32,
    ),
    model=MaskedLanguageModelConfig(**text_sizes.TINY),
    train=c.TrainConfig(
        init="local",
        steps=7500,
        learning_rate=2e-3,
        warmup_steps=100,
        optimizer="adamw",
        clip_norm=1.0,
        weight_decay=0.01,
        log_every=100,
        evaluate_every=1000,
        checkpoint_every=1000,
    ),
    evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.6}, batch_size=256),
)


TINY_SENTENCEPIECE = override(
    TINY,
    "data.sentencepiece=train",
    "data.masking=words",
    "model.vocabulary=1006",
    "model.length=32",
    "evaluate.thresholds.accuracy=0.25",
)

# The paper's mixture (App. F.3). Wikipedia has only one split, so one percent of each is held out.
PAPER_DATA = LanguageData(
    dataset="c4/en@0.7+wikipedia/20230601.en@0.3",
    train_split="train[1%:]",
    validation_split="train[:1%]",
    test_split="train[:1%]",
    batch_size=2048,
    documents_per_example=10,
)


def _paper(*, pieces: bool = False, **sizes: int) -> LanguageMLMConfig:
    """The paper's recipe (App. F.3): 500,000 steps of 2048 texts with whole words masked."""
    return LanguageMLMConfig(
        data=dataclasses.replace(PAPER_DATA, sentencepiece="train" if pieces else None),
        model=MaskedLanguageModelConfig(
            vocabulary=32_000 if pieces else 262, **text_sizes.paper(**sizes)
        ),
        train=c.TrainConfig(
            steps=500_000,
            learning_rate=1.25e-3,
            warmup_steps=1000,
            weight_decay=0.01,
            precision="mixed_bfloat16",
            evaluate_every=5000,
            checkpoint_every=1000,
        ),
        evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.5}),
    )


PRESETS = {
    "tiny": Preset(
        config=TINY,
        source="ours: Python's documentation in windows of 64 bytes, minutes on two CPU cores",
    ),
    "tiny_sentencepiece": Preset(
        config=TINY_SENTENCEPIECE,
        source="ours: as tiny, whole words of a SentencePiece vocabulary of 1,000 that is trained first",
    ),
    "language_mlm_bytes": Preset(config=_paper(), source="released; paper Tab. 1: GLUE 81.0"),
    "language_mlm_bytes_large": Preset(
        config=_paper(latent_dim=1536, layers=40),
        source="paper Tab. 1 and 11, Perceiver IO++: GLUE 81.8; heads and qk as in the release",
    ),
    "language_mlm_bytes_128_latents": Preset(
        config=_paper(latents=128, latent_dim=1920),
        source="paper Tab. 15: GLUE 75.84; layers, heads and qk as in the release",
    ),
    "language_mlm_bytes_512_latents": Preset(
        config=_paper(latents=512, latent_dim=896),
        source="paper Tab. 15: GLUE 80.92; layers, heads and qk as in the release",
    ),
    "language_mlm_sentencepiece": Preset(
        config=_paper(length=512, pieces=True),
        source="paper Tab. 1 and 11, SentencePiece: GLUE 81.2; heads and qk as in the release",
    ),
}
