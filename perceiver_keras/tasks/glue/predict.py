"""Requests such as `cola: A sentence.` or `rte: A sentence. ||| Another.`, and their labels and scores for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.text.byte_tokenizer import SEP
from perceiver_keras.data.text.glue import TASKS
from perceiver_keras.errors import nearest
from perceiver_keras.metrics.results import results_of
from perceiver_keras.tasks.contract.asking import Asking
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, from_texts
from perceiver_keras.tasks.glue.metrics import baseline, column_metrics, columns
from perceiver_keras.tasks.glue.model import to_request
from perceiver_keras.tasks.glue.presets import GlueTaskConfig
from perceiver_keras.tasks.glue.serve import respond
from perceiver_keras.tasks.shared.inputs import numbered
from perceiver_keras.tasks.shared.tokens import tokenizer_of

BETWEEN = "|||"
FORM = f"write 'TASK: sentence', or 'TASK: sentence {BETWEEN} sentence'"


def requests(words: Sequence[str]) -> Iterator[Request]:
    """Each word is `cola: sentence` or `rte: sentence ||| sentence`, or `-` or a file with one request per line."""
    hint = f"Name what to answer: {FORM}; a file of such lines; or - for standard input."
    for given in from_texts(words, hint, by_line=True):
        yield given if given.error else _request(given.name, given.content)


def _request(name: str, text: bytes) -> Request:
    task, colon, rest = text.partition(b":")
    task = task.strip().decode("utf-8", "replace").lower().replace("-", "")
    rows = {row.name: row for row in TASKS}
    if not colon:
        return Request(name, None, f"no task is named; {FORM}")
    if task not in rows:
        return Request(name, None, f"GLUE has no task {task!r}.{nearest(task, rows)}")
    first, between, second = (part.strip() for part in rest.partition(BETWEEN.encode()))
    pair = len(rows[task].sentences) > 1
    if pair != bool(between):
        return Request(name, None, f"{task} takes {'two sentences' if pair else 'one'}; {FORM}")
    if not first or (pair and not second):
        return Request(name, None, "a sentence is empty")
    return Request(name, (task, first, second))


def pack(contents: Sequence[tuple[Any, Any, Any]]) -> dict[str, Any]:
    """(task, sentence) or (task, sentence, sentence) of each request, to the raw inputs of `serve`."""
    titles = numbered("request", len(contents))
    given = [to_request(one, title) for one, title in zip(contents, titles, strict=True)]
    columns = zip(*given, strict=True)
    names = ("task", "sentence1", "sentence2")
    return {k: np.array(list(v), dtype=object) for k, v in zip(names, columns, strict=True)}


def answers(outputs: Mapping[str, np.ndarray], labels: Sequence[str] | None, top: int) -> list[Any]:
    """[{"label", "score"}, …] per request, likeliest first, with Hugging Face's keys; for a score a single dict."""
    found: list[Any] = []
    for row in range(len(outputs["label"])):
        names = [_text(name) for name in outputs["classes"][row]]
        if not any(names):
            found.append({"label": "score", "score": round(float(outputs["score"][row]), 3)})
            continue
        scores = outputs["probabilities"][row]
        order = [i for i in np.argsort(-scores, kind="stable") if names[i]][:top]
        found.append([{"label": names[i], "score": round(float(scores[i]), 6)} for i in order])
    return found


def picture(
    contents: Sequence[Any], outputs: Sequence[Mapping[str, Any]], answers: Sequence[Any]
) -> Any:
    """The sentences with their answers."""
    from perceiver_keras.show import sentences

    rows = [(task, " | ".join(_text(s) for s in texts if s), "") for task, *texts in contents]
    return sentences.sentence_table(rows, answers)


def report(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: tf.Tensor,
    config: GlueTaskConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """For the report: every task's metrics next to the trivial guess, and sentences with the model's answers."""
    from perceiver_keras.show import sentences

    outputs = model(inputs, training=False)
    responses = respond(inputs, outputs, config, labels)
    answered = answers({key: value.numpy() for key, value in responses.items()}, None, 3)
    found = results_of(column_metrics(config), [columns(targets, outputs)])
    trivial = baseline(tf.data.Dataset.from_tensors((inputs, targets)), config)
    return {
        "Every task": sentences.task_bars(found, trivial),
        "Sentences": sentences.sentence_table(list(_examples(inputs, targets, config)), answered),
    }


def _examples(
    inputs: Mapping[str, tf.Tensor], targets: tf.Tensor, config: GlueTaskConfig
) -> Iterator[tuple[str, str, str]]:
    """(task, text, correct answer) of each example."""
    tokenizer = tokenizer_of(config)
    ids = tf.cast(inputs["ids"], tf.int32)
    between = tf.cumsum(tf.cast(ids == SEP, tf.int32), axis=1)  # 0 before SEP, 1 from it on
    left, right = (
        tokenizer.decode(tf.ragged.boolean_mask(ids, inputs["mask"] & (between == side))).numpy()
        for side in (0, 1)
    )
    for *texts, (number, label, _) in zip(left, right, targets.numpy(), strict=True):
        row = TASKS[int(number)]
        answer = row.labels[int(label)] if row.labels and label >= 0 else f"{label:.1f}"
        yield row.name, " | ".join(text.decode() for text in texts if text), answer


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


ASKING = Asking(
    requests=requests,
    pack=pack,
    content=lambda value: value if isinstance(value, tuple) else None,
    answers=answers,
    picture=picture,
    report=report,
)
