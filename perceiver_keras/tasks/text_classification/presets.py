"""Configurations of text classifiers: the settings, and two sizes."""

from __future__ import annotations

from typing import Literal

from perceiver_keras import config as c
from perceiver_keras.tasks.shared import text_sizes
from perceiver_keras.tasks.task import Preset

# === Configuration ===


@c.frozen()
class TextData(c.DataConfig):
    """Which features of a data set (or columns of a table) hold the text and the label.

    Of a TFDS data set other than the preset's, those that are not set are found by name and type: see `columns.py`.
    """

    text: str | None = None  # feature with the text; null: `text`
    text2: str | None = None  # feature with the second text of a pair; null: single texts
    label: str | None = None  # feature with the class or number; null: `label`
    label_type: Literal["int64", "float32"] = "int64"  # as the label is stored
    # What training reads of a text that is too long: its beginning, or anew each time a part from anywhere
    crop: Literal["start", "random"] = "start"
    token_dropout: float = 0.0  # how much of a text training hides behind [MASK] [share]
    sentencepiece: str | None = None  # the file of a SentencePiece model; null: bytes


@c.frozen()
class TextClassifierConfig(c.PerceiverConfig):
    """The model: one learned query, decoded to the logits of the classes, or to one number."""

    num_classes: int  # of which one is right; 1: the model answers with a number [classes]
    number_mean: float = 0.0  # of the numbers: added to the scaled output [the label's]
    number_std: float = 1.0  # of the numbers: the output is multiplied by it [the label's]
    vocabulary: int = 262  # size of it; of bytes, 256 after 6 special ids [ids]
    length: int  # of the text, or of both texts with the separator [tokens]
    channels: int  # of the embeddings [channels]
    query_dim: int  # Q, numbers of the learned query [channels]
    embedding_init_scale: float = 0.02  # standard deviation of embeddings before training [1]


@c.frozen()
class TextClassificationConfig(c.TaskConfig):
    data: TextData
    model: TextClassifierConfig


# === Presets ===

SUBJECTS = 6  # of the embedded data

TINY = TextClassificationConfig(
    data=TextData(
        dataset="perceiver_subjects",
        batch_size=64,
        shuffle_buffer=10_000,
        crop="random",
        token_dropout=0.1,
    ),
    model=TextClassifierConfig(num_classes=SUBJECTS, **text_sizes.TINY),
    train=c.TrainConfig(
        init="local",
        steps=2000,
        learning_rate=3e-3,
        warmup_steps=100,
        optimizer="adamw",
        clip_norm=1.0,
        weight_decay=0.01,
        label_smoothing=0.1,
    ),
    evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.45}, batch_size=256),
)

# Fine-tuning from the released language model with the recipe for GLUE (App. F.4): 10 epochs of the embedded data.
BYTES = TextClassificationConfig(
    data=TextData(dataset="perceiver_subjects", batch_size=32, shuffle_buffer=10_000),
    model=TextClassifierConfig(num_classes=SUBJECTS, **text_sizes.paper()),
    train=c.TrainConfig(
        init="deepmind/language_mlm_bytes",
        steps=1000,
        learning_rate=5e-5,
        warmup_steps=200,
        weight_decay=0.01,
        precision="mixed_bfloat16",
    ),
    evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.45}),
)

PRESETS = {
    "tiny": Preset(
        config=TINY, source="ours: source code of Python's library, 64 bytes of a passage at a time"
    ),
    "text_classification_bytes": Preset(
        config=BYTES,
        source="ours: fine-tunes the released byte model with the paper's recipe for GLUE (App. F.4)",
    ),
}
