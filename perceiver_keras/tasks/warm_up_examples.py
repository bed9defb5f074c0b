"""Stored examples to warm a server up with: those of the data set or, where it is not at hand, made-up ones.

Requests made of them lie in every export, for each of its signatures. They are also what the page of `perceiver serve`
offers as an example.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.data import audio
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.tasks.task import Task

MADE_UP = "Its warm-up requests are made up, as its data set was not at hand."
COUNT = 8  # of the data set's; a made-up one stands alone, as all of them would be much the same
TEXT = b"The model answers this sentence before anyone else asks it."
SECONDS, RATE, HERTZ = 1, 16_000, 440.0  # of a made-up sound
FIRST_TAG = b"0"  # the tag of a byte outside all entities


@dataclass(frozen=True)
class WarmUp:
    """Examples to warm up with.

    Attributes:
      examples: Serialized tf.Examples with labels.
      made_up_because: Why they are not the data set's; None if they are.
    """

    examples: list[bytes]
    made_up_because: str | None = None

    @property
    def limits(self) -> tuple[str, ...]:
        """What the model card should say of them."""
        return () if self.made_up_because is None else (MADE_UP,)


def of(task: Task, config: TaskConfig, count: int = COUNT, prepare: bool = True) -> WarmUp:
    """Examples of the test split, or a made-up one if there is no such data set here.

    Args:
      task, config: What they are for.
      count: At most so many; 0: none.
      prepare: Whether one of our own data sets is prepared for it, which takes a while and space.
    """
    if not count:
        return WarmUp([])
    try:
        if not prepare:
            _must_be_prepared(config)
        records = TaskData(task, config).records(config.data.test_split)
        if found := source.take(records, count):
            return WarmUp(found)
        because = f"the split {config.data.test_split} of {config.data.dataset} is empty"
    except PerceiverError as error:
        because = str(error)
    return WarmUp([made_up(task, config)], because)


def _must_be_prepared(config: TaskConfig) -> None:
    data = config.data
    builder = source.open_builder(data.dataset, data.data_dir, prepare=False)
    if hasattr(builder, "is_prepared") and not builder.is_prepared():
        raise PerceiverError(f"Data set {data.dataset!r} is not prepared on this machine.")


def made_up(task: Task, config: TaskConfig) -> bytes:
    """A serialized tf.Example that the task can read: a pattern, a tone, a sentence, entities, and the first class."""
    kinds = task.examples.kinds(config)
    size = _size(config)
    values = {
        name: _value(kinds.get(name), feature, config, size)
        for name, feature in task.examples.spec(config).items()
    }
    features = tf.train.Features(feature=values)
    return tf.train.Example(features=features).SerializeToString(deterministic=True)


def _size(config: TaskConfig) -> tuple[int, int]:
    """Height and width of the pictures that the model takes, if it takes any."""
    for part in (config.model, getattr(config.model, "film", None)):
        if size := getattr(part, "image_size", None):
            return tuple(size)
    return 64, 64


def _value(kind: Kind | None, feature: Any, config: TaskConfig, size: tuple[int, int]) -> Any:
    count = math.prod(feature.shape)
    if feature.dtype == tf.string:
        return _bytes([_content(kind, config, size, number) for number in range(count)])
    if kind == "entities":
        return _floats(np.linspace(0.0, 1.0, count))
    if kind in (
        "mask",
        "choice",
    ):  # every row holds an entity; the first is the target, and the outcome is 1
        return _integers([1] * count if kind == "mask" else [0, 1])
    if kind == "labels":
        return _integers([0] + [-1] * (count - 1))
    return (_integers if feature.dtype == tf.int64 else _floats)([0] * count)


def _content(kind: Kind | None, config: TaskConfig, size: tuple[int, int], number: int) -> bytes:
    if kind in ("picture", "pictures"):
        return _picture(size, getattr(config.model, "channels", 3), number)
    if kind == "mask":
        return tf.io.encode_png(np.full([*size, 1], 255, np.uint8)).numpy()
    if kind == "flow":
        return np.zeros([*size, 2], "<f4").tobytes()
    if kind == "sound":
        time = np.arange(SECONDS * RATE) / RATE
        return audio.encode_wav(0.5 * np.sin(2 * np.pi * HERTZ * time).astype(np.float32), RATE)
    if kind == "tags":
        return FIRST_TAG * len(TEXT)
    if kind == "category":  # only GLUE has one: which of its tasks
        return config.model.tasks[0].encode()
    return TEXT


def _picture(size: tuple[int, int], channels: int, number: int) -> bytes:
    """Rings that move to the right by two pixels from one picture to the next, as a PNG."""
    y, x = np.mgrid[: size[0], : size[1]] - np.array(size).reshape(2, 1, 1) / 2
    distance = np.hypot(y, x - 2 * number) / max(size)
    phases = np.arange(3 if channels != 1 else 1) * 2
    light = 0.5 + 0.5 * np.cos(20 * distance[..., None] + phases)
    return tf.io.encode_png((255 * light).round().astype(np.uint8)).numpy()


def _bytes(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _floats(values: Any) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def _integers(values: Any) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
