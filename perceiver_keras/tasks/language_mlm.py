"""Masked language modelling (paper, section 4.1; SPEC: Released settings): the seven stages, top to bottom.

Inputs: ids [B, M] int and a mask [B, M], true where there is text; outputs logits [B, M, V] float32.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import masking, ngrams, source
from perceiver_keras.data.text import MASK, MASK_TEXT, OFFSET, ByteTokenizer
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.loss import MaskedCrossEntropy
from perceiver_keras.metrics import ColumnRatio
from perceiver_keras.postprocess.text import TextPostprocess
from perceiver_keras.preprocess.text import TextPreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks import fill_mask, language_tokens
from perceiver_keras.tasks.language_presets import (
    PRESETS,
    LanguageMLMConfig,
    MaskedLanguageModelConfig,
)
from perceiver_keras.tasks.language_tokens import texts, tokenizer_of
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.requests import Request
from perceiver_keras.tasks.requests import read as read_file
from perceiver_keras.tasks.task import Labels, Task

# === Data: one stored text -> ({"ids", "mask"}, what is asked) ===


def feature_spec(config: LanguageMLMConfig) -> dict[str, Any]:
    return {"text": tf.io.FixedLenFeature([], tf.string)}


def check(features: Mapping[str, Any], config: LanguageMLMConfig) -> str | None:
    """Any bytes are a text, the empty string too."""
    return None if features.get("text") else "feature 'text' is missing"


def check_dataset(labels: Labels | None, config: LanguageMLMConfig) -> None:
    language_tokens.check_tokens(config)


def prepare(
    features: Mapping[str, tf.Tensor], config: LanguageMLMConfig, training: bool, seed: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """A crop of the text with masks: {"ids" int32 [M], "mask" bool [M]}, targets int32 [M], -1 where not asked.

    Several texts [n] are joined by empty lines first. Outside of training the text itself decides the crop and the
    masks, not the seed.
    """
    data = config.data
    rate = data.mask_rate
    if training and data.train_mask_rate is not None:
        rate = data.train_mask_rate
    return masking.mask_text(
        tf.strings.reduce_join(features["text"], separator="\n\n"),
        tokenizer_of(config),
        config.model.length,
        data.masking,
        rate,
        seed if training else None,
    )


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

    def portable(
        self, task_config: LanguageMLMConfig
    ) -> tuple[LanguageMLMConfig, dict[str, bytes]]:
        return language_tokens.portable(task_config)

    @classmethod
    def located(cls, task_config: LanguageMLMConfig, folder: Path) -> LanguageMLMConfig:
        return language_tokens.located(task_config, folder)

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
        outputs = fill_mask.fill(self, tokenizer, tf.constant(texts), top)
        return fill_mask.answer({k: v.numpy() for k, v in outputs.items()}, None, top)


# === Loss and metrics ===


def loss(config: LanguageMLMConfig) -> keras.losses.Loss:
    return MaskedCrossEntropy(label_smoothing=config.train.label_smoothing)


def columns(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """For each example [B, 4]: how many were asked, how many were right, their surprise in nats and in bits."""
    asked = tf.cast(targets >= 0, tf.float32)
    right = tf.cast(tf.argmax(logits, -1, tf.int32) == tf.cast(targets, tf.int32), tf.float32)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.maximum(targets, 0), logits=tf.cast(logits, tf.float32)
    )
    sums = [tf.reduce_sum(asked * value, axis=-1) for value in (asked, right, nats)]
    return tf.stack([*sums, sums[-1] / math.log(2)], axis=-1)


def metrics(config: LanguageMLMConfig) -> list[keras.metrics.Metric]:
    return _metrics(columns)


def _metrics(of: Any) -> list[keras.metrics.Metric]:
    return [
        ColumnRatio(1, 0, "accuracy", columns=of),
        ColumnRatio(2, 0, "cross_entropy", columns=of),
        ColumnRatio(3, 0, "bits_per_token", columns=of),
    ]


def figures(
    logits: tf.Tensor, targets: tf.Tensor, config: LanguageMLMConfig
) -> dict[str, tf.Tensor]:
    return {"columns": columns(targets, logits)}


def figure_metrics(config: LanguageMLMConfig) -> list[keras.metrics.Metric]:
    return _metrics(None)


def baseline(dataset: tf.data.Dataset, config: LanguageMLMConfig) -> dict[str, float]:
    """Always the commonest token, and for bytes a table of n-grams on both sides, counted in the training split."""
    batches = [(inputs["ids"].numpy(), targets.numpy()) for inputs, targets in dataset]
    ids, targets = (np.concatenate(part) for part in zip(*batches, strict=True))
    asked = targets >= 0
    truth = targets[asked]
    counts = np.bincount(truth, minlength=1)
    share = counts[counts > 0] / max(len(truth), 1)
    entropy = float(-(share * np.log(share)).sum())
    found = {
        "accuracy": float(counts.max() / max(len(truth), 1)),
        "cross_entropy": entropy,
        "bits_per_token": entropy / math.log(2),
    }
    if config.data.sentencepiece is None and (seen := _training_texts(config)):
        guesses = ngrams.ngram_guesses(seen, np.maximum(ids - OFFSET, 0).astype(np.uint8), asked)
        found["ngram_accuracy"] = float(np.mean(guesses == truth - OFFSET))
    return found


def _training_texts(config: LanguageMLMConfig) -> list[bytes]:
    """The first texts of the training split; none where the data set is not at hand."""
    try:
        builder = source.open_builder(config.data.dataset, config.data.data_dir)
        return list(itertools.islice(texts(builder, config.data.train_split), 20_000))
    except PerceiverError:
        return []


# === Serve ===


def serving_spec(config: LanguageMLMConfig) -> dict[str, tf.TensorSpec]:
    return {"text": tf.TensorSpec([None], tf.string)}


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: LanguageMLMConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`text` string [B] -> `filled`, `text` string [B]; `token`, `token_id`, `probability` [B, K, 10].

    One `[MASK]` is one byte (or token). Texts of any length; see `fill_mask.fill`.
    """
    return fill_mask.fill(model, tokenizer_of(config), tf.convert_to_tensor(raw["text"]))


def respond(
    outputs: tuple[Any, tf.Tensor], config: LanguageMLMConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    """The same of (inputs, logits)."""
    return fill_mask.respond(tokenizer_of(config), *outputs)


def warmup(raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Stored texts with something to fill in, so that a server warms the model up and not the door alone."""
    return {"text": tf.strings.join([MASK_TEXT, raw["text"]])}


def requests(words: Sequence[str]) -> Iterator[Request]:
    """Sentences are requests themselves; of `-` and of files, every line that is not empty is one."""
    if not words:
        raise UsageError(
            f"Name a text with {MASK_TEXT} in it, a file of such texts, or - for standard input."
        )
    for word in words:
        if word != "-" and not os.path.isfile(word):  # a long sentence is no error there
            yield Request(word, word.encode("utf-8", "surrogateescape"))
            continue
        found = read_file(word)
        if found.error:
            yield found
        for number, line in enumerate((found.content or b"").splitlines(), 1):
            if line.strip():
                yield Request(f"{word}:{number}", line)


def picture(contents: Sequence[bytes], outputs: Sequence[Any], answers: Sequence[Any]) -> Any:
    """The texts with their best fillings in colour."""
    from perceiver_keras.show import text as drawn

    def pieces(text: bytes, tokens: np.ndarray) -> list[Any]:
        first, *others = text.decode("utf-8", "replace").split(MASK_TEXT)
        filled = [name.decode().replace("\u2581", " ") for name in tokens[:, 0]]
        pairs = zip(filled, others, strict=False)
        return [drawn.Piece(first)] + [
            piece for new, old in pairs for piece in (drawn.Piece(new, True), drawn.Piece(old))
        ]

    texts = [pieces(one["text"], one["token"]) for one in outputs]
    return drawn.filled_texts(texts, "filled in: green")


def read(contents: Sequence[bytes]) -> dict[str, Any]:
    return {"text": np.array(contents, dtype=object)}


# === Show ===


def show(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: LanguageMLMConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Filled texts for the report, masked by single tokens and by whole words."""
    from perceiver_keras.show import text as drawn

    tokenizer = tokenizer_of(config)
    names = [name.replace("\u2581", " ") for name in tokenizer.names()]
    targets = tf.cast(targets, tf.int32)
    truth = tf.where(targets >= 0, targets, tf.cast(inputs["ids"], tf.int32))
    rate = config.data.mask_rate
    shown = {}
    for title, way in (("Single tokens filled in", "tokens"), ("Whole words filled in", "words")):
        hidden = tf.stack(
            [
                masking.chosen(tokenizer, ids, way, rate, tf.constant([row, 0]))
                for row, ids in enumerate(truth)
            ]
        )
        hidden &= inputs["mask"]
        logits = model(
            {"ids": tf.where(hidden, MASK, truth), "mask": inputs["mask"]}, training=False
        )
        guess, asked, there = tf.argmax(logits, -1).numpy(), hidden.numpy(), inputs["mask"].numpy()
        right = guess == truth.numpy()
        texts = [
            [
                drawn.Piece(names[g], bool(r), names[t]) if a else drawn.Piece(names[t])
                for g, r, a, t in zip(
                    *(x[row][there[row]] for x in (guess, right, asked, truth.numpy())), strict=True
                )
            ]
            for row in range(min(len(guess), drawn.MOST))
        ]
        line = (
            f"{right[asked].mean():.1%} of {asked.sum():,} right"
            if asked.any()
            else "nothing asked"
        )
        shown[title] = drawn.filled_texts(texts, line)
    return shown


TASK = Task(
    name="language_mlm",
    summary="Text with gaps to text: bytes or SentencePiece.",
    model_class=MaskedLanguageModel,
    presets=PRESETS,
    feature_spec=feature_spec,
    label_key=None,
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    loss=loss,
    metrics=metrics,
    figures=figures,
    figure_metrics=figure_metrics,
    prediction_key="columns",
    serving_spec=serving_spec,
    serve=serve,
    respond=respond,
    respond_reads_inputs=True,
    words=language_tokens.words,
    learn=language_tokens.learn,
    resources=language_tokens.resources,
    warmup=warmup,
    requests=requests,
    read=read,
    picture=picture,
    answer=fill_mask.answer,
    baseline=baseline,
    show=show,
    lower_is_better=("cross_entropy", "bits_per_token"),
)
