"""JSON files of sets of units in; the likeliest targets out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.own import tables
from perceiver_keras.data.text.encodings import decode_text
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.contract.asking import Asking
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, expand, read
from perceiver_keras.tasks.starcraft_entities.model import as_set, is_set
from perceiver_keras.tasks.starcraft_entities.presets import StarcraftEntitiesConfig


def requests(names: Sequence[str]) -> Iterator[Request]:
    """One request per set: a JSON file holds rows, an object {"entities": rows}, or a list of such objects.

    JSON Lines, as training takes them, hold rows or an object in each line. The first set of a.jsonl is "a.jsonl#0".
    """
    for name in expand(names):
        given = read(name)
        if given.error:
            yield given
        elif tables.kind(Path(name)) in (".jsonl", ".ndjson"):
            yield from _of_lines(name, given.content)
        else:
            yield from _of_json(name, given.content)


def _of_json(name: str, content: bytes) -> Iterator[Request]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        if _ends_early(error):
            yield from _of_lines(name, content)
        else:
            yield Request(name, None, f"not JSON: {error}")
        return
    if isinstance(found, list) and found and isinstance(found[0], Mapping):
        for number, one in enumerate(found):
            yield _request(f"{name}#{number}", one)
    else:
        yield _request(name, found)


def _ends_early(error: Exception) -> bool:
    """Whether the first line is JSON, and others follow: JSON Lines under another suffix."""
    extra = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
    return extra and "\n" not in error.doc[: error.pos].strip()


def _of_lines(name: str, content: bytes) -> Iterator[Request]:
    try:
        lines = tables.lines_of(decode_text(content))
    except PerceiverError as error:
        yield Request(name, None, str(error))
        return
    filled = [(line, text) for line, text in enumerate(lines, 1) if text.strip()]
    if not filled:
        yield Request(name, None, "empty")
    for number, (line, text) in enumerate(filled):
        label = f"{name}#{number}"
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = tables.json_reason(error)
            yield Request(label, None, f"line {line} is not JSON: {reason}")
        else:
            yield _request(label, found)


def _request(label: str, one: Any) -> Request:
    try:
        return Request(label, as_set(one))
    except PerceiverError as error:
        return Request(label, None, str(error))


def pack(contents: Sequence[Any]) -> dict[str, np.ndarray]:
    """Sets of any sizes as `serving_default` takes them, padded to the largest."""
    sets = [as_set(content) for content in contents]
    most, width = max(map(len, sets)), sets[0].shape[1]
    if any(one.shape[1] != width for one in sets):
        raise UsageError("The sets have different numbers of columns.")
    entities = np.zeros((len(sets), most, width), np.float32)
    mask = np.zeros((len(sets), most), np.int64)
    for row, one in enumerate(sets):
        entities[row, : len(one)], mask[row, : len(one)] = one, 1
    return {"entities": entities, "mask": mask}


def answers(
    outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int
) -> list[list[dict[str, Any]]]:
    """The `top` likeliest targets of each set, named by their row, with Hugging Face's keys."""
    return [
        [
            {"label": f"entity {i}", "score": round(float(row[i]), 6)}
            for i in np.argsort(-row, kind="stable")[:top]
            if row[i] > 0
        ]
        for row in outputs["pointer"]
    ]


def picture(contents: Sequence[Any], outputs: Sequence[Any], answered: Sequence[Any]) -> Any:
    from perceiver_keras.show import entities

    pointers = [np.asarray(numbers["pointer"]) for numbers in outputs]
    winning = [float(numbers["winning"]) for numbers in outputs]
    return entities.pointers(pointers, [f"wins {chance:.0%}" for chance in winning])


def report(
    model: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    targets: Mapping[str, tf.Tensor],
    config: StarcraftEntitiesConfig,
    labels: Labels | None,
) -> dict[str, Any]:
    """Accuracy by the size of the set; if the features say where units are, battlefields with their targets."""
    from perceiver_keras.show import entities

    outputs = {name: value.numpy() for name, value in model(inputs, training=False).items()}
    names, rows = config.model.features, np.asarray(inputs["entities"])
    truth, won = np.asarray(targets["target"]), np.asarray(targets["won"])
    right = (outputs["pointer"].argmax(1) == truth, (outputs["winning"] > 0) == (won > 0))
    pictures = {
        "Right by the number of entities": entities.by_size(np.asarray(inputs["mask"]), *right)
    }
    if {"x", "y", "enemy", "acting", "health"} <= set(names):
        columns_of = {name: rows[..., names.index(name)] for name in names}
        pictures["Battlefields"] = entities.battlefields(
            columns_of, np.asarray(inputs["mask"]) > 0, truth, outputs["pointer"].argmax(1)
        )
    return pictures


ASKING = Asking(
    requests=requests,
    pack=pack,
    content=lambda value: value if is_set(value) else None,
    answers=answers,
    picture=picture,
    padding={"embeddings": 0.0, "pointer": 0.0},
    report=report,
)
