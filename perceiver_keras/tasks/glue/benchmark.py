"""Measures the paper's GLUE values again, on the development sets, for `perceiver_keras.reproduce`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.glue import EIGHT, TASKS, task_named
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.glue.data import batch_of
from perceiver_keras.tasks.glue.metrics import column_metrics, columns
from perceiver_keras.tasks.glue.one_per_task import OnePerTask
from perceiver_keras.tasks.glue.presets import GlueTaskConfig
from perceiver_keras.tasks.glue.submission import read_examples


class GlueBenchmark:
    """Development examples of some tasks, with keys such as "cola/17"; `rows` are those of `metrics.columns`."""

    at_once = 32

    def __init__(self, tasks: Sequence[str], data: Path):
        wanted = [row for row in TASKS if row.in_average and (row.head or row.name) in tasks]
        self._examples = {
            f"{row.name}/{example['idx']}": example
            for row in wanted
            for example in read_examples(row, "validation", str(data))
        }
        self._tasks = tuple(tasks)
        self.keys = list(self._examples)

    def column_metrics(self, config: GlueTaskConfig) -> list[keras.metrics.Metric]:
        """The task's, with those of MNLI's second set: it is measured whatever the model was trained to judge."""
        return column_metrics(override(config, "data.mismatched=true"))

    def rows(self, model: Any, config: Any, keys: Sequence[str]) -> np.ndarray:
        """[len(keys), 49], as `column_metrics` reads them.

        Raises:
          UsageError: the model was not trained on all tasks of the benchmark.
        """
        if isinstance(model, OnePerTask):
            found = [self._rows(*model.of(task), some) for task, some in self._by_task(keys)]
            return np.concatenate(found)
        if missing := [task for task in self._tasks if task not in config.model.tasks]:
            raise UsageError(
                f"The weights answer {', '.join(config.model.tasks)}, but not {', '.join(missing)}."
            )
        return self._rows(model, config, keys)

    def _by_task(self, keys: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """Keys that follow each other, by the task whose model answers them."""
        for task, some in itertools.groupby(keys, lambda key: _answered_by(self.group(key))):
            yield task, list(some)

    def _rows(self, model: Any, config: Any, keys: Sequence[str]) -> np.ndarray:
        examples = [self._examples[key] for key in keys]
        names = [self.group(key) for key in keys]
        raw = (names, *([e[side] for e in examples] for side in ("sentence1", "sentence2")))
        inputs, _ = batch_of(*map(tf.constant, raw), config)
        targets = [
            [task_named(name).number, example["label"], example["idx"]]
            for name, example in zip(names, examples, strict=True)
        ]
        outputs = model(inputs, training=False)
        return columns(tf.constant(targets, tf.float32), outputs).numpy()

    def group(self, key: str) -> str:
        """The task of a key."""
        return key.split("/")[0]


def _answered_by(name: str) -> str:
    """The task that a data set belongs to: MNLI's second set is answered by MNLI's head."""
    row = task_named(name)
    return row.head or row.name


def open_benchmark(name: str, data: Path, options: Mapping[str, str]) -> GlueBenchmark:
    """`glue-cola` is one task, any other name means all eight; `data` holds TFDS's `glue/*`."""
    task = name.removeprefix("glue-")
    return GlueBenchmark((task,) if task in EIGHT else EIGHT, data)
