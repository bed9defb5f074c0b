"""Requests such as `A text.` or `A text. ||| Another.`, their classes or numbers for people, and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.byte_tokenizer import SEP
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.asking import Asking, Verdicts
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, from_texts
from perceiver_keras.tasks.shared.labels import class_names, top_labels
from perceiver_keras.tasks.shared.tokens import tokenizer_of
from perceiver_keras.tasks.text_classification.presets import TextClassificationConfig

BETWEEN = b"|||"
Content = bytes | tuple[bytes, bytes]


def requests(words: Sequence[str]) -> Iterator[Request]:
    """Each word is `text` or `text ||| text`, or `-` or a file with one request per line."""
    hint = (
        f"Name a text (of a pair, write 'TEXT {BETWEEN.decode()} TEXT'), a file with one text per line, "
        "or - for standard input."
    )
    for given in from_texts(words, hint, by_line=True):
        if given.error or BETWEEN not in given.content:
            yield given
            continue
        first, _, second = (part.strip() for part in given.content.partition(BETWEEN))
        if first and second:
            yield Request(given.name, (first, second))
        else:
            yield Request(given.name, None, f"a text of the pair is empty: {given.name}")


def to_content(text: Any) -> Content:
    """A text, str or bytes, or a pair of these, as `pack` takes it.

    Raises:
      UsageError: it is something else.
    """
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    if isinstance(text, bytes):
        return text
    if isinstance(text, (tuple, list)) and len(text) == 2:
        first, second = (to_content(part) for part in text)
        if isinstance(first, bytes) and isinstance(second, bytes):
            return first, second
    raise UsageError(
        f"Expected a text (str or bytes) or a pair of texts, got {type(text).__name__} {str(text)[:40]!r}."
    )


def _one(value: Any) -> Content | None:
    """A text, or a pair of them as a tuple; a list is several."""
    return to_content(value) if isinstance(value, (str, bytes, tuple)) else None


def pack(contents: Sequence[Content]) -> dict[str, Any]:
    """`text` [B], and for pairs `text2` [B].

    Raises:
      UsageError: some are pairs and some are not.
    """
    pairs = [isinstance(content, tuple) for content in contents]
    if not any(pairs):
        return {"text": np.array(contents, dtype=object)}
    if not all(pairs):
        raise UsageError("Some requests are pairs of texts and some are single texts.")
    columns = zip(*contents, strict=True)
    return {
        name: np.array(list(column), dtype=object)
        for name, column in zip(("text", "text2"), columns, strict=True)
    }


def answers(outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int) -> list[Any]:
    """[{"label", "score"}, …] per request, likeliest first, with Hugging Face's keys; for a number a single dict."""
    if "probabilities" in outputs:
        return top_labels(outputs, labels, top)
    return [{"label": "score", "score": round(float(score), 6)} for score in outputs["score"]]


def picture(
    contents: Sequence[Content], outputs: Sequence[Mapping[str, Any]], answers: Sequence[Any]
) -> Any:
    """The texts with their answers."""
    from perceiver_keras.show import sentences

    rows = [("", _shown(content), "") for content in contents]
    return sentences.sentence_table(rows, answers)


def report(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: TextClassificationConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """For the report: texts with wrong and right answers, and the confusion matrix or the numbers' scatter."""
    from perceiver_keras.show import classification, numbers, sentences

    outputs, truth = model(inputs, training=False).numpy(), np.asarray(targets)
    texts = _texts(inputs, config)
    if config.model.num_classes == 1:
        said = answers({"score": outputs[:, 0]}, None, 1)
        worst = np.argsort(-np.abs(outputs[:, 0] - truth), kind="stable")
        return {
            "The largest errors": sentences.sentence_table(
                [("", texts[i], f"{truth[i]:.1f}") for i in worst], [said[i] for i in worst]
            ),
            "Numbers": numbers.scatter(truth, outputs[:, 0]),
        }
    names = class_names(labels, config.model.num_classes)
    probabilities = tf.nn.softmax(outputs).numpy()
    said = top_labels({"probabilities": probabilities}, names, 1)
    right = probabilities.argmax(-1) == truth
    chosen = classification.choose(right, probabilities.max(-1), sentences.MOST)
    return {
        "Wrong and right": sentences.sentence_table(
            [("", texts[i], names[truth[i]]) for i in chosen], [said[i] for i in chosen]
        ),
        "Confusion matrix": classification.confusion_matrix(truth, probabilities, names),
    }


def verdicts(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: TextClassificationConfig,
) -> Verdicts | None:
    """None if the answers are numbers."""
    if config.model.num_classes == 1:
        return None
    probabilities = tf.nn.softmax(model.predict_on_batch(inputs)).numpy()
    texts = _texts(inputs, config)
    return Verdicts(
        truth=np.asarray(targets), probabilities=probabilities, example=lambda row: texts[row]
    )


def _texts(inputs: Mapping[str, tf.Tensor], config: TextClassificationConfig) -> list[str]:
    """What the model has read of each text; a pair with ||| between."""
    tokenizer = tokenizer_of(config)
    ids, mask = tf.cast(inputs["ids"], tf.int32), tf.cast(inputs["mask"], tf.bool)
    second = tf.cumsum(tf.cast(ids == SEP, tf.int32), axis=1) > 0
    parts = [
        tokenizer.decode(tf.ragged.boolean_mask(ids, mask & side)).numpy()
        for side in (~second, second)
    ]
    return [_shown((first, rest) if rest else first) for first, rest in zip(*parts, strict=True)]


def _shown(content: Content) -> str:
    parts = content if isinstance(content, tuple) else (content,)
    words = (" ".join(part.decode("utf-8", "replace").split()) for part in parts)
    return f" {BETWEEN.decode()} ".join(words)


ASKING = Asking(
    requests=requests,
    pack=pack,
    content=_one,
    answers=answers,
    picture=picture,
    report=report,
    verdicts=verdicts,
)
