"""From records to a task's batches, for training and evaluation, inside the pipeline and outside it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.store import balance, batches, source
from perceiver_keras.data.store.records import Records, Stored, builder_records, explain
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.task import Task

Transform = Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]  # of a batch of features


def train_batches(task: Task, config: TaskConfig, records: Records) -> tf.data.Dataset:
    """Endless batches (inputs, targets) of records, shuffled and augmented from the run's seed."""
    return TrainingData(task, config, records).batches()


class TrainingData:
    """The records to train on, from which each of several workers reads its own part.

    Args:
      task: Whose `prepare` is used.
      config: Of the run.
      records: Serialized examples.
    """

    def __init__(self, task: Task, config: TaskConfig, records: Records):
        self._task, self._config, self._records = task, config, records
        self._spec = task.examples.spec(config)
        self._balance = None
        if config.data.balance != "none":
            examples = batches.serialized(records)
            self._balance = balance.balanced(examples, self._spec, task.examples.label_key)

    @property
    def facts(self) -> dict[str, Any]:
        """What must be the same for all workers, whatever their folders are called."""
        shards = [
            f"{os.path.basename(shard.path)}:{shard.skip}:{shard.take}"
            for shard in self._records.shards
        ]
        digest = hashlib.sha256("\n".join(shards).encode()).hexdigest()[:16]
        return {"examples": self._records.num_examples, "files": len(shards), "names": digest}

    def batches(
        self, worker: int = 0, workers: int = 1, replicas: int = 1, used: int = 0
    ) -> tf.data.Dataset:
        """Endless batches (inputs, targets), shuffled and augmented from the run's seed.

        Args:
          worker: The number of this worker, from 0.
          workers: How many share the data, and `data.batch_size`.
          replicas: How many of this worker's devices take turns; each batch is for one.
          used: How many batches of all workers together were used before.

        Raises:
          UsageError: `data.batch_size` can't be shared equally, or there are fewer examples than workers.
        """
        data, parts = self._config.data, workers * replicas
        if data.batch_size % parts:
            lower = data.batch_size // parts * parts
            nearest = f"{lower} or {lower + parts}" if lower else f"{parts}"
            raise UsageError(
                f"data.batch_size={data.batch_size} is that of all workers and can't be shared equally by "
                f"{workers} workers with {replicas} devices each; use {nearest}."
            )
        return batches.train_batches(
            self._records,
            lambda features, seed: self._task.examples.prepare(features, self._config, True, seed),
            self._spec,
            **self._order(worker, workers, replicas),
            used=used * replicas,
        )

    def examples_in(self, batch: int, workers: int = 1, replicas: int = 1) -> list[Stored]:
        """The stored examples of a batch of all workers together; `batch` counts from 0, over the whole run."""
        found = [
            index
            for worker in range(workers)
            for turn in range(replicas)
            for index in batches.indices_of_batch(
                self._records,
                **self._order(worker, workers, replicas),
                used=batch * replicas + turn,
            )
        ]
        return [self._records.find(index) for index in found]

    def _order(self, worker: int, workers: int, replicas: int) -> dict[str, Any]:
        data = self._config.data
        return {
            "batch_size": data.batch_size // (workers * replicas),
            "seed": self._config.train.seed,
            "shuffle_buffer": data.shuffle_buffer,
            "joined": self._task.examples.joined(self._config),
            "balance": self._balance,
            "num_shards": workers,
            "shard_index": worker,
        }


def eval_batches(
    task: Task, config: TaskConfig, records: Records, transform: Transform | None = None
) -> tf.data.Dataset:
    """Each record once, as (inputs, targets).

    Args:
      task: Whose `prepare` is used.
      config: Of the run.
      records: Serialized examples.
      transform: Applied to raw features before `prepare`; None if the records have already been transformed.
    """

    def prepare(features: dict[str, tf.Tensor], seed: tf.Tensor) -> tuple[Any, Any]:
        if transform is not None:
            one = transform({name: tf.expand_dims(value, 0) for name, value in features.items()})
            features = {name: tf.squeeze(value, 0) for name, value in one.items()}
        return task.examples.prepare(features, config, False, seed)

    return batches.eval_batches(
        records, prepare, task.examples.spec(config), batch_size=config.evaluate.batch_size
    )


class TaskData:
    """The TFDS data set that a configuration names, opened and checked against its task.

    Attributes:
      labels: Names of the classes; None if the data set has none.
    """

    def __init__(self, task: Task, config: TaskConfig):
        self._task, self._config = task, config
        data = config.data
        self._builder = source.open_builder(
            data.dataset, data.data_dir, max_corrupt_share=data.max_corrupt_share
        )
        self.labels = source.label_names(self._builder, task.examples.label_of(config))
        task.examples.check_dataset(self.labels, config)
        # Trains a vocabulary where one is needed, so that its errors come first.
        task.examples.vocabulary.resources(config)

    def records(self, split: str) -> Records:
        """At most `data.max_examples` records of a TFDS split expression."""
        return builder_records(self._builder, split).limit(self._config.data.max_examples)

    def training_data(self) -> TrainingData:
        """The records of the training split."""
        return TrainingData(self._task, self._config, self.records(self._config.data.train_split))

    def train_batches(self) -> tf.data.Dataset:
        """Endless batches (inputs, targets) of the training split."""
        return self.training_data().batches()

    def eval_batches(self, split: str) -> tf.data.Dataset:
        """Each example of a split once, (inputs, targets)."""
        return eval_batches(self._task, self._config, self.records(split))

    @contextlib.contextmanager
    def explained(self, split: str) -> Iterator[None]:
        """Turns tf.data's error about a damaged record of `split` into a readable one that names the file."""
        try:
            yield
        except tf.errors.OpError as error:
            readable = explain(error, self.records(split))
            if readable is None:
                raise
            raise readable from error
