"""The weights of one model as the start of another: heads that do not fit stay new, and everything else must fit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

from perceiver_keras.config import PerceiverConfig, TaskConfig
from perceiver_keras.convert.variables import model_weights
from perceiver_keras.errors import PerceiverError

if TYPE_CHECKING:
    from perceiver_keras.tasks.model import TaskModel

STAGES = ("preprocess", "encode", "process", "decode", "query", "postprocess")
# What a model of one task has no use for in a model of another; equal queries are the exception.
OF_THE_TASK = ("query/", "decode/out/", "postprocess/")
POSITION = "preprocess/position/embeddings"
_MOST_LISTED = 8


@dataclass(frozen=True)
class Start:
    """Weights to start from, with what they are of.

    Attributes:
      name: For messages: the file or folder.
      model_class, config: Of the model that has these weights.
      arrays: Path -> array, without seeds of random numbers.
      labels: Names of its classes, if they are known.
      task_config: How it was trained, if that is known.
      preset: The name of its preset, if it is a model of ours.
    """

    name: str
    model_class: type[TaskModel]
    config: PerceiverConfig
    arrays: Mapping[str, np.ndarray]
    labels: Sequence[str] | None = None
    task_config: TaskConfig | None = None
    preset: str | None = None

    @classmethod
    def of(cls, model: TaskModel, name: str, preset: str | None = None) -> Start:
        """Of a model in memory."""
        arrays = {path: weight.numpy() for path, weight in model_weights(model).items()}
        known = model.labels, model.task_config
        return cls(name, type(model), model.config, arrays, *known, preset)


class Transfer(NamedTuple):
    """What a start gives to a model.

    Attributes:
      arrays: Path -> what the model's weight becomes.
      new: Weights of heads that stay as they were initialised: "path: shape there, shape here".
      resized: The same of positions that were interpolated.
    """

    name: str
    arrays: dict[str, np.ndarray]
    new: list[str]
    resized: list[str]

    def __str__(self) -> str:
        first = {path.split("/")[0] for path in self.arrays}
        stages = ", ".join(stage for stage in STAGES if stage in first)
        words = f"Starting from {self.name}: {stages}, {len(self.arrays)} arrays."
        if self.resized:
            words += f" Interpolated: {listed(self.resized)}."
        return words + (f" New: {listed(self.new)}." if self.new else "")


def plan(start: Start, model: TaskModel, labels: Sequence[str] | None = None) -> Transfer:
    """What of `start` fits `model`, which is not changed.

    Only `model.heads` may differ, and positions of a picture of another size. If the models are of different tasks, so
    may queries and outputs. A head for other labels (if both names are known) is new although its shape fits.

    Args:
      start: The weights.
      model: Built.
      labels: Names of its classes.

    Raises:
      PerceiverError: anything else differs; the message lists the weights.
    """
    ours, theirs = model_weights(model), start.arrays
    other = start.model_class is not type(model)
    own = OF_THE_TASK if other else ()
    renamed = None not in (labels, start.labels) and list(labels) != list(start.labels)
    arrays, new, resized, wrong = {}, [], [], []
    for path, weight in ours.items():
        shape, found = tuple(weight.shape), theirs.get(path)
        there = list(found.shape) if found is not None else "missing"
        line = f"{path}: {there} there, {list(shape)} here"
        head = path.startswith((*model.heads, *own))
        fits = found is not None and found.shape == shape
        if fits and not (head and (renamed or (other and not path.startswith("query/")))):
            arrays[path] = found
        elif head:
            new.append(f"{path}: for other labels" if fits and renamed else line)
        elif (grids := _grids(path, start, model)) and found is not None:
            arrays[path] = resize_grid(found, *grids)
            resized.append(line)
        else:
            wrong.append(line)
    unused = (*start.model_class.heads, *own)
    wrong += [
        f"{path}: {list(array.shape)} there, missing here"
        for path, array in theirs.items()
        if path not in ours and not path.startswith(unused)
    ]
    if wrong or not arrays:
        heads = f" Only its head may differ ({', '.join(model.heads)})." if model.heads else ""
        raise PerceiverError(
            f"{start.name} doesn't fit the model: {listed(wrong) or 'nothing in it does'}."
            f"{heads} Give both the same preset, vocabulary, length, channels, encode, process and decode."
        )
    return Transfer(start.name, arrays, new, resized)


def carry_out(transfer: Transfer, model: TaskModel) -> None:
    """Gives `model` the weights of a plan."""
    ours = model_weights(model)
    for path, array in transfer.arrays.items():
        ours[path].assign(np.asarray(array, ours[path].dtype.as_numpy_dtype))


def into(model: TaskModel, start: Start) -> TaskModel:
    """`plan` and `carry_out`; says so if not all weights were taken as they are."""
    transfer = plan(start, model, model.labels)
    carry_out(transfer, model)
    if transfer.new or transfer.resized:
        logging.getLogger(__name__).warning("%s", transfer)
    return model


def resize_grid(positions: np.ndarray, grid: Sequence[int], to: Sequence[int]) -> np.ndarray:
    """Learned positions [h·w, C] of a grid, interpolated (bicubic) for another: [h'·w', C]."""
    channels = positions.shape[-1]
    image = np.asarray(positions, np.float32).reshape(1, *grid, channels)
    return tf.image.resize(image, to, method="bicubic").numpy().reshape(-1, channels)


def listed(lines: Sequence[str]) -> str:
    more = f" and {len(lines) - _MOST_LISTED} more" if len(lines) > _MOST_LISTED else ""
    return "; ".join(lines[:_MOST_LISTED]) + more


def _grids(path: str, start: Start, model: TaskModel) -> list[tuple[int, ...]] | None:
    """The grids, there and here, of learned positions that may be resized; else None."""
    if path != POSITION or start.model_class is not type(model):
        return None
    grids = [model.position_grid(config) for config in (start.config, model.config)]
    return None if None in grids else grids
