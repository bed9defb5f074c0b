"""A tag for every byte of a text, one query a place (paper, section 3.2): the seven stages, top to bottom.

Inputs {"ids" [B, M], "mask" [B, M]}; outputs logits [B, M, tags] float32. Tag 0 is what stands outside of all
entities. The embedded data is Python's source code with the tokens of Python's own tokenizer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import text
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.errors import UsageError
from perceiver_keras.loss import MaskedCrossEntropy
from perceiver_keras.metrics import ColumnRatio
from perceiver_keras.postprocess.projection import ProjectionPostprocess
from perceiver_keras.preprocess.text import TextPreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.requests import Request
from perceiver_keras.tasks.requests import read as read_file
from perceiver_keras.tasks.task import Labels, Task
from perceiver_keras.tasks.token_presets import (
    PRESETS,
    TokenClassificationConfig,
    TokenClassifierConfig,
)

# === Data: one stored text with a digit a byte -> ({"ids", "mask"}, tags) ===


def feature_spec(config: TokenClassificationConfig) -> dict[str, Any]:
    return {
        "text": tf.io.FixedLenFeature([], tf.string),
        "tags": tf.io.FixedLenFeature([], tf.string),
    }


def check(features: Mapping[str, Any], config: TokenClassificationConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    for name in ("text", "tags"):
        if not features.get(name):
            return f"feature {name!r} is missing"
    content, tags = features["text"][0], features["tags"][0]
    if len(content) != len(tags):
        return f"{len(tags)} tags for {len(content)} bytes of text"
    if wrong := {tag - ord("0") for tag in tags} - set(range(len(config.model.tags))):
        return f"tags {sorted(wrong)} are not in 0 to {len(config.model.tags) - 1}"
    return None


def check_dataset(labels: Labels | None, config: TokenClassificationConfig) -> None:
    if not 2 <= len(config.model.tags) <= 10:
        raise UsageError(f"model.tags: expected 2 to 10 names, got {len(config.model.tags)}.")
    if config.model.vocabulary != text.VOCABULARY:
        raise UsageError(f"model.vocabulary: bytes have {text.VOCABULARY} ids.")


def prepare(
    features: Mapping[str, tf.Tensor],
    config: TokenClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
    """The first M bytes of a text, in training M anywhere: {"ids", "mask"} and tags int32 [M], -1 after the text."""
    content, tags = features["text"], features.get("tags")
    length = config.model.length
    start = tf.zeros([], tf.int32)
    if training:
        most = tf.maximum(tf.strings.length(content) - length, 0) + 1
        start = tf.random.stateless_uniform([], seed, 0, most, tf.int32)
    encoded = text.encode(tf.strings.substr(content, start, length), length, specials=False)
    inputs = {"ids": encoded.ids, "mask": encoded.mask}
    if tags is None:
        return inputs, None
    cut = tf.strings.substr(tags, start, length)
    values = tf.io.decode_raw(cut, tf.uint8, fixed_length=length)
    targets = tf.where(encoded.mask, tf.cast(values, tf.int32) - ord("0"), -1)
    return inputs, tf.ensure_shape(targets, [length])


# === Preprocess, encode, process, decode, postprocess: the model ===


@keras.saving.register_keras_serializable(package="perceiver_keras")
class TokenClassifier(TaskModel):
    """Perceiver IO with one query a place: {"ids" [B, M], "mask" [B, M]} -> logits [B, M, tags], float32."""

    task_name = "token_classification"
    config_class = TokenClassifierConfig

    def __init__(self, config: TokenClassifierConfig, **kwargs: Any):
        shared = {
            "activation": config.activation,
            "attention_memory_mb": config.attention_memory_mb,
        }
        super().__init__(
            config,
            preprocess=TextPreprocess(
                vocabulary=config.vocabulary,
                length=config.length,
                channels=config.channels,
                init_scale=config.embedding_init_scale,
                name="preprocess",
            ),
            encode=Encode(config.encode, **shared, name="encode"),
            process=Process(config.process, **shared, name="process"),
            query=LearnedQuery(
                num_queries=config.length, channels=config.query_dim, per_input=True, name="query"
            ),
            decode=Decode(config.decode, **shared, name="decode"),
            postprocess=ProjectionPostprocess(output_dim=len(config.tags), name="postprocess"),
            **kwargs,
        )

    def call(self, inputs: Mapping[str, tf.Tensor], **kwargs: Any) -> Any:
        mask = tf.cast(inputs["mask"], tf.bool)  # Keras builds a model that it has loaded on floats
        return super().call(inputs["ids"], mask=mask, query_mask=mask, **kwargs)

    def symbolic_inputs(self) -> Any:
        return {
            "ids": keras.Input([self.config.length], dtype=tf.int32, name="ids"),
            "mask": keras.Input([self.config.length], dtype=tf.bool, name="mask"),
        }

    def tag(self, texts: Sequence[str | bytes]) -> list[list[dict[str, Any]]]:
        """Texts to their entities: see `answer`."""
        return self.answer([t.encode() if isinstance(t, str) else t for t in texts])


# === Loss and metrics ===


def loss(config: TokenClassificationConfig) -> keras.losses.Loss:
    return MaskedCrossEntropy(label_smoothing=config.train.label_smoothing)


def columns(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """For each text [B, 5]: bytes, right ones, their surprise in nats; bytes of entities, right ones of them."""
    best = tf.argmax(logits, -1, tf.int32)
    return _columns(
        tf.cast(targets, tf.int32), best, tf.nn.log_softmax(tf.cast(logits, tf.float32))
    )


def _columns(targets: tf.Tensor, best: tf.Tensor, logs: tf.Tensor) -> tf.Tensor:
    asked = tf.cast(targets >= 0, tf.float32)
    inside = tf.cast(targets > 0, tf.float32)
    right = tf.cast(best == targets, tf.float32)
    nats = -tf.gather(logs, tf.maximum(targets, 0), batch_dims=2)
    parts = (asked, asked * right, asked * nats, inside, inside * right)
    return tf.stack([tf.reduce_sum(part, axis=-1) for part in parts], axis=-1)


def metrics(config: TokenClassificationConfig) -> list[keras.metrics.Metric]:
    return _metrics(columns)


def _metrics(of: Any) -> list[keras.metrics.Metric]:
    return [
        ColumnRatio(1, 0, "accuracy", columns=of),
        ColumnRatio(4, 3, "entity_accuracy", columns=of),
        ColumnRatio(2, 0, "cross_entropy", columns=of),
    ]


def figures(
    logits: tf.Tensor, targets: tf.Tensor, config: TokenClassificationConfig
) -> dict[str, tf.Tensor]:
    return {"columns": columns(targets, logits)}


def figure_metrics(config: TokenClassificationConfig) -> list[keras.metrics.Metric]:
    return _metrics(None)


def baseline(dataset: tf.data.Dataset, config: TokenClassificationConfig) -> dict[str, float]:
    """The figures of always naming the commonest tag, at its own frequency."""
    targets = np.concatenate([targets.numpy() for _, targets in dataset])
    counts = np.bincount(targets[targets >= 0], minlength=len(config.model.tags))
    shares = (counts / max(counts.sum(), 1)).astype(np.float32)
    logs = np.broadcast_to(np.log(np.maximum(shares, 1e-9)), (*targets.shape, len(shares)))
    best = np.full(targets.shape, counts.argmax(), np.int32)
    rows = _columns(tf.constant(targets, tf.int32), tf.constant(best), tf.constant(logs))
    found = figure_metrics(config)
    for metric in found:
        metric.update_state(None, rows)
    return {metric.name: float(metric.result()) for metric in found}


# === Serve ===


def serving_spec(config: TokenClassificationConfig) -> dict[str, tf.TensorSpec]:
    return {"text": tf.TensorSpec([None], tf.string)}


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: TokenClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`text` string [B], of any length -> `entity` string and `score` [B, bytes], `text` string [B].

    A text longer than the model is read in windows that lie side by side.
    """
    length = config.model.length
    texts = tf.convert_to_tensor(raw["text"])
    ids = text.byte_ids(texts, specials=False)
    width = tf.maximum(-(-tf.cast(ids.bounding_shape(1), tf.int32) // length), 1) * length
    rows = tf.shape(texts)[0]
    dense = ids.to_tensor(text.PAD, shape=[None, None])
    dense = tf.pad(dense, [[0, 0], [0, width - tf.shape(dense)[1]]])
    mask = tf.sequence_mask(tf.strings.length(texts), width)
    windows = {"ids": tf.reshape(dense, [-1, length]), "mask": tf.reshape(mask, [-1, length])}
    logits = tf.reshape(model(windows, training=False), [rows, width, len(config.model.tags)])
    return respond(({"ids": dense, "mask": mask}, logits), config, labels)


def respond(
    asked: tuple[Any, tf.Tensor], config: TokenClassificationConfig, labels: Labels | None
) -> dict[str, tf.Tensor]:
    """The same of (inputs, logits). An entity is "" outside of all and after the text."""
    inputs, logits = asked
    mask = tf.cast(inputs["mask"], tf.bool)
    probabilities = tf.nn.softmax(logits)
    names = tf.constant(["", *config.model.tags[1:]])
    ids = tf.ragged.boolean_mask(tf.cast(inputs["ids"], tf.int32), mask)
    return {
        "entity": tf.where(mask, tf.gather(names, tf.argmax(logits, -1)), ""),
        "score": tf.where(mask, tf.reduce_max(probabilities, -1), 0.0),
        "text": text.byte_text(ids, valid=False),
    }


def requests(words: Sequence[str]) -> Iterator[Request]:
    """A word is a text itself, or a file (- for standard input) whose content is the text."""
    if not words:
        raise UsageError("Name a text, a file, or - for standard input.")
    for word in words:
        if word == "-" or os.path.isfile(word):  # a long text is no error there
            yield read_file(word)
        else:
            yield Request(word, word.encode("utf-8", "surrogateescape"))


def read(contents: Sequence[bytes]) -> dict[str, Any]:
    return {"text": np.array(contents, dtype=object)}


def answer(
    outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int
) -> list[list[dict[str, Any]]]:
    """Runs of bytes with the same tag, with Hugging Face's keys: "entity", "score" (the mean over the run),
    "index" (1 for the text's first), "word", "start" and "end" in characters.
    """
    found = []
    for content, entities, scores in zip(
        *(outputs[key] for key in ("text", "entity", "score")), strict=True
    ):
        runs, place = [], 0
        for name, run in groupby(entities[: len(content)]):
            start, place = place, place + len(list(run))
            if name:
                first, word = (
                    part.decode("utf-8", "replace")
                    for part in (content[:start], content[start:place])
                )
                runs.append(
                    {
                        "entity": name.decode() if isinstance(name, bytes) else str(name),
                        "score": round(float(np.mean(scores[start:place])), 6),
                        "index": len(runs) + 1,
                        "word": word,
                        "start": len(first),
                        "end": len(first) + len(word),
                    }
                )
        found.append(runs)
    return found


# === Show ===


def show(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: TokenClassificationConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Right and wrong bytes of some texts, and which tags are taken for which."""
    from perceiver_keras.show import classification
    from perceiver_keras.show import text as drawn

    logits = model(inputs, training=False).numpy()
    best, truth = logits.argmax(-1), np.asarray(targets)
    asked, tags = truth >= 0, config.model.tags
    letters = text.ByteTokenizer().names()
    texts = [
        [
            drawn.Piece(letters[i], bool(b == t), tags[t][:1])
            for i, b, t, a in zip(*rows, strict=True)
            if a
        ]
        for rows in zip(np.asarray(inputs["ids"]), best, truth, asked, strict=True)
    ]
    line = (
        f"{(best == truth)[asked].mean():.1%} of {asked.sum():,} bytes right; above: the true tag"
    )
    one_hot = np.eye(len(tags))[best[asked]]
    return {
        "Tagged texts": drawn.filled_texts(texts, line),
        "Confusion matrix": classification.confusion_matrix(truth[asked], one_hot, tags),
    }


TASK = Task(
    name="token_classification",
    summary="A tag for every byte of a text: the tokens of Python's source code.",
    model_class=TokenClassifier,
    presets=PRESETS,
    feature_spec=feature_spec,
    label_key="tags",
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
    requests=requests,
    read=read,
    answer=answer,
    baseline=baseline,
    show=show,
    lower_is_better=("cross_entropy",),
)
