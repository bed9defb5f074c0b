"""Splits of a TFDS data set as a task's batches, for training and evaluation without the pipeline."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perceiver_keras.data import source

if TYPE_CHECKING:
    from perceiver_keras.config import TaskConfig
    from perceiver_keras.tasks.task import Task


class TaskData:
    """The data set of a configuration, opened and checked against its task.

    Attributes:
      labels: The names of the classes, where there are classes with names.
    """

    def __init__(self, task: Task, config: TaskConfig):
        self._task, self._config = task, config
        self._builder = source.open_builder(config.data.dataset, config.data.data_dir)
        self.labels = source.label_names(self._builder, task.label_key)
        task.check_dataset(self.labels, config)
        task.resources(config)  # a vocabulary is trained here, so that its errors come first

    def records(self, split: str) -> source.Records:
        """At most `data.max_examples` records of a TFDS split expression."""
        found = source.builder_records(self._builder, split)
        return found.limit(self._config.data.max_examples)

    def train_batches(self) -> Any:
        """Endless batches (inputs, targets) of the training split."""
        data, train = self._config.data, self._config.train
        return source.train_batches(
            self.records(data.train_split),
            functools.partial(self._prepare, training=True),
            self._task.feature_spec(self._config),
            batch_size=data.batch_size,
            seed=train.seed,
            shuffle_buffer=data.shuffle_buffer,
            joined=data.documents_per_example,
        )

    def eval_batches(self, split: str) -> Any:
        """Each example of a split once, (inputs, targets)."""
        return source.eval_batches(
            self.records(split),
            functools.partial(self._prepare, training=False),
            self._task.feature_spec(self._config),
            batch_size=self._config.evaluate.batch_size,
        )

    def _prepare(self, features: Any, seed: Any, *, training: bool) -> Any:
        return self._task.prepare(features, self._config, training, seed)


@contextlib.contextmanager
def errors_in_words(data: TaskData, split: str) -> Iterator[None]:
    """Turns tf.data's error on a damaged record into a sentence that names the file."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        words = source.explain(error, data.records(split))
        if words is None:
            raise
        raise words from error
