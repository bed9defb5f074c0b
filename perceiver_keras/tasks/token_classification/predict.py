"""Texts from the command line, and their entities for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.byte_tokenizer import ByteTokenizer
from perceiver_keras.tasks.contract.asking import Asking, Verdicts
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, from_texts
from perceiver_keras.tasks.shared.inputs import numbered
from perceiver_keras.tasks.shared.texts import is_text, to_bytes
from perceiver_keras.tasks.token_classification.presets import TokenClassificationConfig

AROUND = 60  # bytes shown on each side of a wrong one


def requests(words: Sequence[str]) -> Iterator[Request]:
    """Each word is a text itself, or a file (- for standard input) whose content is the text."""
    yield from from_texts(words, "Name a text, a file, or - for standard input.")


def pack(contents: Sequence[Any]) -> dict[str, Any]:
    """Texts of any kind as `serving_default` takes them; raises `UsageError` for what is not one."""
    names = numbered("text", len(contents))
    encoded = [to_bytes(one, name) for one, name in zip(contents, names, strict=True)]
    return {"text": np.array(encoded, dtype=object)}


def answers(
    outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int
) -> list[list[dict[str, Any]]]:
    """The entities of each text: runs of characters with the same tag, with Hugging Face's keys.

    These are "entity", "score" (the mean over the run's bytes), "index" (1 for the first), "word", and "start" and
    "end" in characters: `text[start:end] == word`, where bytes that are not UTF-8 are decoded with errors="replace". A
    character of several bytes has the tag with the largest sum of scores among them.
    """
    columns = (outputs[key] for key in ("text", "entity", "score"))
    return [_entities(*row) for row in zip(*columns, strict=True)]


def _entities(content: bytes, tags: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    text, ends = characters(content)
    starts = [0, *ends][: len(ends)]
    names = [_tag(tags[a:b], scores[a:b]) for a, b in zip(starts, ends, strict=True)]
    runs, place = [], 0
    for name, run in groupby(names):
        start, place = place, place + len(list(run))
        if name:
            runs.append(
                {
                    "entity": name,
                    "score": round(float(np.mean(scores[starts[start] : ends[place - 1]])), 6),
                    "index": len(runs) + 1,
                    "word": text[start:place],
                    "start": start,
                    "end": place,
                }
            )
    return runs


def _tag(tags: np.ndarray, scores: np.ndarray) -> str:
    """The tag of one character, from those of its bytes; of equal ones the first."""
    sums: dict[Any, float] = {}
    for tag, score in zip(tags, scores, strict=True):
        sums[tag] = sums.get(tag, 0.0) + float(score)
    best = max(sums, key=sums.__getitem__)
    return best.decode() if isinstance(best, bytes) else str(best)


def characters(content: bytes) -> tuple[str, list[int]]:
    """The text with U+FFFD for what is not UTF-8, and for each of its characters the byte after its last one."""
    text, ends, place = content.decode("utf-8", "replace"), [], 0
    for letter in text:
        size = len(letter.encode())
        if letter == "\ufffd" and content[place : place + size] != letter.encode():
            try:
                content[place : place + 4].decode()
            except UnicodeDecodeError as error:
                size = error.end - error.start
        place += size
        ends.append(place)
    return text, ends


def line(answer: Sequence[Mapping[str, Any]]) -> str:
    return "  ".join(f"{e['entity']} {e['word']!r} {e['score']:.1%}" for e in answer) or "no entity"


def picture(
    contents: Sequence[Any], outputs: Sequence[Mapping[str, Any]], answers: Sequence[Any]
) -> Any:
    """The texts with their entities, each tag in its colour."""
    from perceiver_keras.show import text as drawn

    read = [to_bytes(content, "the text").decode("utf-8", "replace") for content in contents]
    return drawn.tagged_texts(read, answers)


def report(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: TokenClassificationConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Correct and wrong bytes of some texts, and the confusion matrix of the tags."""
    from perceiver_keras.show import classification
    from perceiver_keras.show import text as drawn

    logits = model(inputs, training=False).numpy()
    best, truth = logits.argmax(-1), np.asarray(targets)
    asked, tags = truth >= 0, config.model.tags
    letters = ByteTokenizer().names()
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


def verdicts(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: TokenClassificationConfig,
) -> Verdicts:
    """Each byte with a tag is an example, shown by the text around it."""
    truth = np.asarray(targets)
    logits = np.asarray(model.predict_on_batch(inputs))
    letters, ids = ByteTokenizer().names(), np.asarray(inputs["ids"])
    places = np.argwhere(truth >= 0)

    def example(row: int) -> str:
        line, place = places[row]
        asked = truth[line] >= 0
        around = range(max(place - AROUND, 0), min(place + AROUND, len(asked) - 1) + 1)
        marked = (
            f"[{letters[ids[line, i]]}]" if i == place else letters[ids[line, i]]
            for i in around
            if asked[i]
        )
        return "".join(marked)

    probabilities = tf.nn.softmax(logits[truth >= 0]).numpy()
    return Verdicts(
        truth=truth[truth >= 0],
        probabilities=probabilities,
        example=example,
        names=config.model.tags,
    )


ASKING = Asking(
    requests=requests,
    pack=pack,
    content=lambda value: value if is_text(value) else None,
    answers=answers,
    line=line,
    picture=picture,
    padding={"entity": b"", "score": 0.0},
    report=report,
    verdicts=verdicts,
)
