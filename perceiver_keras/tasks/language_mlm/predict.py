"""Texts with gaps from the command line, and their fillings for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text import masking
from perceiver_keras.data.text.byte_tokenizer import MASK, MASK_TEXT
from perceiver_keras.tasks.contract.asking import Asking, as_line
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, from_texts
from perceiver_keras.tasks.language_mlm import fill
from perceiver_keras.tasks.language_mlm.presets import LanguageMLMConfig
from perceiver_keras.tasks.shared.inputs import numbered
from perceiver_keras.tasks.shared.texts import is_text, to_bytes
from perceiver_keras.tasks.shared.tokens import tokenizer_of


def requests(words: Sequence[str]) -> Iterator[Request]:
    """Each word is a text itself, or `-` or a file with one text per line; empty lines are skipped."""
    hint = f"Name a text with {MASK_TEXT} in it, a file of such texts, or - for standard input."
    yield from from_texts(words, hint, by_line=True)


def pack(contents: Sequence[Any]) -> dict[str, Any]:
    """Texts of any kind as `serving_default` takes them; raises `UsageError` for what is not one."""
    names = numbered("text", len(contents))
    encoded = [to_bytes(one, name) for one, name in zip(contents, names, strict=True)]
    return {"text": np.array(encoded, dtype=object)}


def line(answer: Any) -> str:
    """The candidates of each mask, or that there is no mask."""
    return as_line(answer) if answer else f"no {MASK_TEXT} in it, so nothing is filled in"


def picture(contents: Sequence[bytes], outputs: Sequence[Any], answers: Sequence[Any]) -> Any:
    """The texts, with the best candidate for each mask in colour."""
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


def report(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: LanguageMLMConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Filled texts for the report: once with single tokens masked, once with whole words."""
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
            else "nothing masked"
        )
        shown[title] = drawn.filled_texts(texts, line)
    return shown


ASKING = Asking(
    requests=requests,
    pack=pack,
    content=lambda value: value if is_text(value) else None,
    answers=fill.answers,
    line=line,
    picture=picture,
    padding={"token": b"", "token_id": -1, "probability": 0.0},
    report=report,
)
