"""Configurations of token classifiers: what can be set, and two sizes."""

from __future__ import annotations

import dataclasses

from perceiver_keras import config as c
from perceiver_keras.tasks.presets import Preset

# === Configuration ===


@c.frozen()
class TokenClassifierConfig(c.PerceiverConfig):
    """The model. `tags`: at most ten names; the first is for what is outside of all entities."""

    tags: tuple[str, ...]
    vocabulary: int = 262  # 256 bytes after 6 special ids
    length: int  # places of the text, and queries
    channels: int  # of the embeddings
    query_dim: int
    embedding_init_scale: float = 0.02


@c.frozen()
class TokenClassificationConfig(c.TaskConfig):
    model: TokenClassifierConfig


# === Presets ===

TINY = TokenClassificationConfig(
    data=c.DataConfig(dataset="perceiver_python_tokens", batch_size=32, shuffle_buffer=10_000),
    # Stages as in `language_mlm --preset tiny`, so that its weights fit.
    model=TokenClassifierConfig(
        tags=("space", "keyword", "name", "number", "string", "comment", "operator"),
        length=64,
        channels=128,
        query_dim=128,
        embedding_init_scale=0.125,
        encode=c.EncodeConfig(
            num_latents=32, latent_dim=128, num_cross_attention_heads=8, qk_dim=128, v_dim=128
        ),
        process=c.ProcessConfig(num_self_attention_layers=2, num_self_attention_heads=8),
        decode=c.DecodeConfig(num_cross_attention_heads=8, qk_dim=128, v_dim=128),
    ),
    train=c.TrainConfig(
        init="local",
        steps=1500,
        learning_rate=2e-3,
        warmup_steps=100,
        optimizer="adamw",
        clip_norm=1.0,
        weight_decay=0.01,
    ),
    evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.9}, batch_size=256),
)

PRESETS = {
    "tiny": Preset(config=TINY, source="ours: Python's source code in windows of 64 bytes"),
    "token_classification_bytes": Preset(
        config=dataclasses.replace(
            TINY,
            data=dataclasses.replace(TINY.data, batch_size=32),
            model=dataclasses.replace(
                TINY.model,
                length=2048,
                channels=768,
                query_dim=768,
                embedding_init_scale=0.02,
                encode=c.EncodeConfig(
                    num_latents=256,
                    latent_dim=1280,
                    num_cross_attention_heads=8,
                    qk_dim=256,
                    v_dim=1280,
                ),
                process=c.ProcessConfig(
                    num_self_attention_layers=26,
                    num_self_attention_heads=8,
                    qk_dim=256,
                    v_dim=1280,
                ),
                decode=c.DecodeConfig(num_cross_attention_heads=8, qk_dim=256, v_dim=768),
            ),
            train=c.TrainConfig(
                steps=10_000,
                learning_rate=5e-5,
                init="deepmind/language_mlm_bytes",
                warmup_steps=200,
                weight_decay=0.01,
                precision="mixed_bfloat16",
            ),
        ),
        source="ours: the released byte model's sizes, with the paper's recipe for GLUE (App. F.4)",
    ),
}
