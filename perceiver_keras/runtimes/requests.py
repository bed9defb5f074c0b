"""What a file is asked in order to be held against the SavedModel: examples of the test split, or random numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.errors import PerceiverError
from perceiver_keras.signatures import names_of
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.tasks.task import Task

SIZES = (1, 3)  # of the batches
Request = Mapping[str, np.ndarray]


def requests(
    task: Task, config: TaskConfig, specs: Mapping[str, tf.TensorSpec]
) -> tuple[list[Request], str]:
    """(requests of one and of several examples, where they come from).

    Args:
      task, config: Whose data set it is.
      specs: The signature's inputs; without the data set, they are filled with random numbers.
    """
    try:
        return of_examples(task, config, specs), f"{config.data.dataset}, {config.data.test_split}"
    except PerceiverError:
        return random(specs), "random numbers"


def of_examples(
    task: Task, config: TaskConfig, specs: Mapping[str, tf.TensorSpec]
) -> list[Request]:
    """The first examples of the test split; raises `PerceiverError` if there is none."""
    few = dataclasses.replace(config.evaluate, batch_size=sum(SIZES))
    data = TaskData(task, dataclasses.replace(config, evaluate=few))
    batch = next(iter(data.eval_batches(config.data.test_split).take(1)), None)
    if batch is None:
        raise PerceiverError(f"{config.data.dataset} has no example in {config.data.test_split}.")
    named = zip(names_of(batch[0]), tf.nest.flatten(batch[0]), strict=True)
    arrays = {name: value.numpy().astype(specs[name].dtype.as_numpy_dtype) for name, value in named}
    return cut(arrays, SIZES)


def random(specs: Mapping[str, tf.TensorSpec], seed: int = 0) -> list[Request]:
    """Floating point from -1 to 1, and zeros and ones where numbers choose."""
    draw = np.random.default_rng(seed)

    def one(spec: tf.TensorSpec) -> np.ndarray:
        shape = [sum(SIZES), *spec.shape[1:]]
        if spec.dtype.is_floating:
            return draw.uniform(-1, 1, shape).astype(spec.dtype.as_numpy_dtype)
        return draw.integers(0, 2, shape).astype(spec.dtype.as_numpy_dtype)

    return cut({name: one(spec) for name, spec in specs.items()}, SIZES)


def cut(arrays: Request, sizes: Sequence[int]) -> list[Request]:
    """The examples in batches of these sizes, as far as there are any."""
    starts = np.cumsum([0, *sizes])
    parts = [
        {name: array[start : start + size] for name, array in arrays.items()}
        for start, size in zip(starts, sizes, strict=False)
    ]
    return [part for part in parts if len(next(iter(part.values())))]
