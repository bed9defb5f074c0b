"""The trivial guess on real examples, and the thresholds held against it: before a run if that is quick, and in it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.config import TaskConfig, learns_vocabulary
from perceiver_keras.data.store import source
from perceiver_keras.data.store.records import builder_records
from perceiver_keras.data.untuned import untuned
from perceiver_keras.gate.guess import check_thresholds
from perceiver_keras.tasks.batches import eval_batches
from perceiver_keras.tasks.task import Task

# What may be spent on it before a run; beyond that, TrivialGuess does it in the run, before anything is trained.
MOST_EXAMPLES = 10_000
MOST_SECONDS = 5.0
BATCH = 64


def trivial(task: Task, config: TaskConfig, batches: tf.data.Dataset) -> dict[str, float]:
    """The guess's metrics on (inputs, targets) batches of the test split."""
    return {name: float(v) for name, v in task.measures.baseline(batches, config).items()}


def check(
    task: Task,
    config: TaskConfig,
    thresholds: Mapping[str, float],
    metrics: Mapping[str, float],
    examples: int,
) -> None:
    """Refuses thresholds that the guess reaches with room: see `guess.check_thresholds`.

    Args:
      task: Whose metrics they are.
      config: Of the run: where its examples come from.
      thresholds: `evaluate.thresholds`.
      metrics: Of the guess, as `trivial` returns them.
      examples: How many the test split has.
    """
    check_thresholds(
        thresholds,
        metrics,
        examples=examples,
        lower_is_better=task.measures.lower_is_better,
        sampled=config.data.max_examples is not None or config.data.dataset.startswith(source.OWN),
    )


def check_now(task: Task, config: TaskConfig, *, prepare: bool = False) -> bool:
    """Checks the thresholds without a pipeline, if that is quick; returns whether it was.

    It is if the data set is on this machine, its test split has at most `MOST_EXAMPLES`, reading them takes at most
    `MOST_SECONDS`, and no vocabulary is still to be learned. What is wrong with the data is left to the run.

    Args:
      task: Whose guess it is.
      config: Of the run.
      prepare: Whether one of our own data sets may be prepared for it.

    Raises:
      UsageError: the guess reaches a threshold with room.
    """
    data = config.data
    if learns_vocabulary(config) or not config.evaluate.thresholds:
        return False
    try:
        builder = source.open_builder(
            data.dataset,
            data.data_dir,
            prepare=prepare,
            max_corrupt_share=data.max_corrupt_share if prepare else None,
        )
        if not all(part.is_prepared() for part in getattr(builder, "parts", [builder])):
            return False
        records = builder_records(builder, data.test_split).limit(data.max_examples)
        if not 0 < records.num_examples <= MOST_EXAMPLES:
            return False
        sized = dataclasses.replace(config.evaluate, batch_size=BATCH)  # it may still be "auto"
        batches = _Until(
            eval_batches(
                task,
                dataclasses.replace(config, evaluate=sized),
                records,
                lambda features: task.examples.transform(features, config),
            ),
            time.monotonic() + MOST_SECONDS,
        )
        metrics = trivial(task, config, batches.dataset)
    except Exception:  # whatever is wrong with the data, the run says it better
        return False
    if batches.was_cut:
        return False
    check(task, config, config.evaluate.thresholds, metrics, records.num_examples)
    return True


class _Until:
    """Batches up to a moment: at least the first one.

    Attributes:
      dataset: To be read as often as one likes.
      was_cut: Whether any reading ended before all batches were read.
    """

    def __init__(self, batches: tf.data.Dataset, until: float):
        self._batches, self._until, self.was_cut = batches, until, False
        self.dataset = untuned(
            tf.data.Dataset.from_generator(self._read, output_signature=batches.element_spec)
        )

    def _read(self) -> Iterator[Any]:
        for number, batch in enumerate(self._batches):
            if number and time.monotonic() > self._until:
                self.was_cut = True
                return
            yield batch
