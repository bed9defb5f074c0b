"""The table of tasks. A new task is its file beside this one and its row here; nothing else names it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from perceiver_keras.errors import UsageError, nearest

if TYPE_CHECKING:
    from perceiver_keras.tasks.model import TaskModel
    from perceiver_keras.tasks.task import Preset, Task


class Row(NamedTuple):
    """One task: its name, the class that users call, and what it does. Reading rows imports nothing."""

    name: str  # also the module's name in perceiver_keras.tasks
    model_class: str
    summary: str


ROWS = (
    Row("image_classification", "ImageClassifier", "Pictures to classes: digits, ImageNet."),
    Row("optical_flow", "OpticalFlow", "Two pictures to the motion of every pixel."),
    Row("language_mlm", "MaskedLanguageModel", "Text with gaps to text: bytes or SentencePiece."),
    Row("glue", "GlueModel", "Sentences and pairs to labels: GLUE's tasks, one model for all."),
    Row(
        "token_classification",
        "TokenClassifier",
        "A tag for every byte of a text: the tokens of Python's source code.",
    ),
    Row("multimodal_autoencoding", "MultimodalAutoencoder", "Video, sound and label, and back."),
    Row("audio_classification", "AudioClassifier", "Sounds to all that is in them: AudioSet."),
    Row("starcraft_entities", "EntityEncoder", "Sets of game units: embeddings, target, winner."),
)


# Released models that have no task yet: official weights in and out, and Keras's own fit and predict.
MODELS: tuple[Row, ...] = ()


def names() -> list[str]:
    return [row.name for row in ROWS]


def get(name: str) -> Task:
    """The task of that name; `optical-flow` and `optical_flow` are the same.

    Raises:
      UsageError: no task has this name; the message offers the nearest.
    """
    key = name.replace("-", "_")
    if key in names():
        return _module(key).TASK
    for row in MODELS:
        if row.name == key:
            raise UsageError(
                f"{key} is here as a model with its official weights, perceiver_keras.{row.model_class}, "
                "but not as a task: it can't be trained, served or predicted with from here yet."
            )
    raise UsageError(f"Unknown task {name!r}.{nearest(key, names())}")


def presets(name: str) -> Mapping[str, Preset]:
    """The presets of a task, or of a released model without one."""
    return _module(_row(name).name).PRESETS


def model_class(name: str) -> type[TaskModel]:
    """The model of a task, or of a released model without one."""
    row = _row(name)
    return getattr(_module(row.name), row.model_class)


def _row(name: str) -> Row:
    key = name.replace("-", "_")
    rows = {row.name: row for row in (*ROWS, *MODELS)}
    if key not in rows:
        raise UsageError(f"Unknown task {name!r}.{nearest(key, rows)}")
    return rows[key]


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"perceiver_keras.tasks.{name}")
