"""Configurations of token classifiers: the settings, and two sizes."""

from __future__ import annotations

import dataclasses

from perceiver_keras import config as c
from perceiver_keras.tasks.shared import text_sizes
from perceiver_keras.tasks.task import Preset

# === Configuration ===


@c.frozen()
class TokenClassifierConfig(c.PerceiverConfig):
    """The model: a tag for every byte of a text."""

    # Names of the tags, at least two; the first is for bytes outside all entities
    tags: tuple[str, ...]
    vocabulary: int = 262  # size of it; of bytes, 256 after 6 special ids [ids]
    length: int  # longest text, and number of queries [bytes]
    channels: int  # numbers per embedded byte or token [channels]
    query_dim: int  # Q, numbers per query [channels]
    embedding_init_scale: float = 0.02  # standard deviation of embeddings before training [1]


@c.frozen()
class TokenClassificationConfig(c.TaskConfig):
    model: TokenClassifierConfig


# === Presets ===

TINY = TokenClassificationConfig(
    data=c.DataConfig(dataset="perceiver_python_tokens", batch_size=32, shuffle_buffer=10_000),
    model=TokenClassifierConfig(
        tags=("space", "keyword", "name", "number", "string", "comment", "operator"),
        **text_sizes.TINY,
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
            model=TokenClassifierConfig(tags=TINY.model.tags, **text_sizes.paper()),
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
