"""Texts from the command line, and their entities for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.byte_tokenizer import ByteTokenizer
from perceiver_keras.tasks.contract.asking import Asking
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, from_texts
from perceiver_keras.tasks.token_classification.presets import TokenClassificationConfig


def requests(words: Sequence[str]) -> Iterator[Request]:
    """Each word is a text itself, or a file (- for standard input) whose content is the text."""
    yield from from_texts(words, "Name a text, a file, or - for standard input.")


def pack(contents: Sequence[bytes]) -> dict[str, Any]:
    return {"text": np.array(contents, dtype=object)}


def answers(
    outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int
) -> list[list[dict[str, Any]]]:
    """The entities of each text: runs of bytes with the same tag, with Hugging Face's keys.

    These are "entity", "score" (the mean over the run), "index" (1 for the first), "word", and "start" and "end" in
    characters.
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


ASKING = Asking(requests=requests, pack=pack, answers=answers, report=report)
