"""The table of tasks. A new task is a folder (or a file) next to this one and a row here; nothing else names it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from perceiver_keras.errors import UsageError, nearest

if TYPE_CHECKING:
    from perceiver_keras.tasks.task import Task


class Row(NamedTuple):
    """One task: its name, the class that users call, and what it does. Reading the rows imports no task."""

    name: str  # also of the module in perceiver_keras.tasks: a file or a folder
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
    Row(
        "text_classification",
        "TextClassifier",
        "Texts and pairs of texts to classes, or to numbers.",
    ),
    Row("multimodal_autoencoding", "MultimodalAutoencoder", "Video, sound and label, and back."),
    Row("audio_classification", "AudioClassifier", "Sounds to all that is in them: AudioSet."),
    Row("starcraft_entities", "EntityEncoder", "Sets of game units: embeddings, target, winner."),
)


def names() -> list[str]:
    return [row.name for row in ROWS]


def canonical(name: str) -> str:
    """The task's name as the table spells it; `optical-flow` and `optical_flow` are the same.

    Raises:
      UsageError: no task has this name; the message offers the nearest.
    """
    key = name.replace("-", "_")
    if key not in names():
        raise UsageError(f"Unknown task {name!r}.{nearest(key, names())}")
    return key


def is_task(name: str) -> bool:
    return name.replace("-", "_") in names()


def get(name: str) -> Task:
    """The task of that name; raises as `canonical`."""
    return importlib.import_module(f"perceiver_keras.tasks.{canonical(name)}").TASK


def having(preset: str) -> list[Task]:
    """All tasks that have a preset of that name."""
    return [task for task in map(get, names()) if preset in task.presets]
