"""Configurations of masked language models: what can be set, the released and the paper's sizes, and `tiny`."""

from __future__ import annotations

from perceiver_keras import config as c
from perceiver_keras.data.masking import Masking
from perceiver_keras.tasks.task import Preset

# === Configuration ===


@c.frozen()
class LanguageData(c.DataConfig):
    """What a model has to guess of a text."""

    masking: Masking = "words"
    mask_rate: float = 0.15
    copy_rate: float = 0.0  # of what is not masked, training asks for this share too
    sentencepiece: str | None = (
        None  # a model's file; "train": from the training split; None: bytes
    )


@c.frozen()
class MaskedLanguageModelConfig(c.PerceiverConfig):
    """The model. `query_dim` must equal `channels`: the output layer is the input embeddings."""

    vocabulary: int = 262  # 256 bytes after 6 special ids
    length: int  # places of the text, and queries
    channels: int  # of the embeddings
    query_dim: int
    embedding_init_scale: float = 0.02
    mask_queries: bool = True  # outputs where there is no text see nothing; not in the PyTorch port


@c.frozen()
class LanguageMLMConfig(c.TaskConfig):
    data: LanguageData
    model: MaskedLanguageModelConfig


# === Presets ===


TINY = LanguageMLMConfig(
    data=LanguageData(
        dataset="perceiver_docs", masking="tokens", batch_size=128, shuffle_buffer=10_000
    ),
    model=MaskedLanguageModelConfig(
        length=64,
        channels=64,
        query_dim=64,
        encode=c.EncodeConfig(
            num_latents=32, latent_dim=128, num_cross_attention_heads=8, qk_dim=128, v_dim=128
        ),
        process=c.ProcessConfig(num_self_attention_layers=3, num_self_attention_heads=8),
        decode=c.DecodeConfig(num_cross_attention_heads=8, qk_dim=128, v_dim=64),
    ),
    train=c.TrainConfig(
        steps=6000,
        learning_rate=3e-3,
        warmup_steps=300,
        optimizer="adamw",
        clip_norm=1.0,
        weight_decay=0.01,
        log_every=100,
        evaluate_every=1000,
        checkpoint_every=1000,
    ),
    evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.6}, batch_size=256),
)


def _paper(
    dataset: str, *, vocabulary: int = 262, length: int, latent_dim: int, layers: int
) -> LanguageMLMConfig:
    """The paper's sizes (Tab. 1, 11) and recipe (App. F.3): 500,000 steps of 2048 texts.

    The paper mixes 70 % C4 with 30 % Wikipedia; `data.dataset` names one set.
    """
    attention = {"qk_dim": 256, "v_dim": latent_dim}
    return LanguageMLMConfig(
        data=LanguageData(dataset=dataset, batch_size=2048, documents_per_example=10),
        model=MaskedLanguageModelConfig(
            vocabulary=vocabulary,
            length=length,
            channels=768,
            query_dim=768,
            encode=c.EncodeConfig(
                num_latents=256, latent_dim=latent_dim, num_cross_attention_heads=8, **attention
            ),
            process=c.ProcessConfig(
                num_self_attention_layers=layers, num_self_attention_heads=8, **attention
            ),
            decode=c.DecodeConfig(num_cross_attention_heads=8, qk_dim=256, v_dim=768),
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
    "tiny": Preset(config=TINY, source="ours: Python's documentation in windows of 64 bytes"),
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
