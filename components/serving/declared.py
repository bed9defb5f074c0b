"""What the files of a model declare, which its numbers do not show: the task, and the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import read_task
from perceiver_keras.tasks import preset_folder


def contradiction(served: str, preset: Path, labels: Sequence[str] | None) -> str | None:
    """What can't be right, so that the model need not be tried; None if nothing is.

    Metrics go by the number of a class. So a model whose names are those of an older run, in another order, has the
    best figures and gives every answer a wrong name.

    Args:
      served: The folder of the export.
      preset: The folder that the trained model is loaded from.
      labels: Names of the data's classes; None if it has none.
    """
    try:
        _, trained = preset_folder.read(preset)
        exported = read_task(served)
    except PerceiverError as error:
        return str(error)
    if exported.get("task", trained["task"]) != trained["task"]:
        return f"the trained model is of {trained['task']}, and the export is of {exported['task']}"
    for what, about in (("trained model", trained), ("export", exported)):
        if labels and "labels" in about and (wrong := _names(about["labels"] or (), labels)):
            return f"the {what} {wrong}; train and export it again with the classes of this data"
    return None


def _names(own: Sequence[str], data: Sequence[str]) -> str | None:
    """How two lists of names differ."""
    if list(own) == list(data):
        return None
    if len(own) != len(data):
        return f"names {len(own)} classes, and the data {len(data)}"
    unlike = [n for n, pair in enumerate(zip(own, data, strict=True)) if pair[0] != pair[1]]
    first = unlike[0]
    how = "in another order" if sorted(own) == sorted(data) else "otherwise"
    return (
        f"names the classes {how} than the data, so that its answers would have wrong names: class {first} is "
        f"{own[first]!r}, and in the data {data[first]!r} ({len(unlike)} of {len(data)} differ)"
    )
