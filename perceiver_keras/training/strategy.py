"""Where training runs: on one device, all GPUs of a machine, several machines, or a TPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import tensorflow as tf

from perceiver_keras.config import TrainConfig
from perceiver_keras.data.store.records import Stored
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.xla import on_gpu
from perceiver_keras.training import tpu


@runtime_checkable
class SharedData(Protocol):
    """Training data of which each worker reads its own part; `tasks.batches.TrainingData` is.

    It may have a method `examples_in(batch, workers, replicas)` that tells which examples a batch holds.

    Attributes:
      facts: JSON that must be the same for all workers.
    """

    facts: dict[str, Any]

    def batches(
        self, worker: int = 0, workers: int = 1, replicas: int = 1, used: int = 0
    ) -> tf.data.Dataset:
        """Endless batches for each of a worker's replicas in turn, after `used` steps' worth of them."""


Source = SharedData | tf.data.Dataset | Callable[[tf.distribute.Strategy], tf.data.Dataset]


def check(train: TrainConfig) -> None:
    """To be called before anything that takes time.

    Raises:
      UsageError: `train.tpu` names a TPU that another strategy would not use.
      PerceiverError: "tpu" was requested, but there is none.
    """
    if train.tpu is not None and train.strategy != "tpu":
        raise UsageError(
            f"train.tpu={train.tpu}, but train.strategy={train.strategy} uses no TPU; set train.strategy=tpu too."
        )
    if train.strategy == "tpu":
        tpu.find(train.tpu)


def make_strategy(train: TrainConfig) -> tf.distribute.Strategy:
    """The strategy that `train.strategy` names; "auto" mirrors the model if there are several GPUs.

    "multi_worker" reads TF_CONFIG and must precede all other TensorFlow operations of the process.

    Raises what `check` does.
    """
    check(train)
    kind = train.strategy
    if kind == "auto":
        kind = "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "none"
    if kind == "mirrored":
        return tf.distribute.MirroredStrategy()
    if kind == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if kind == "tpu":
        return tpu.connect(train.tpu)
    return tf.distribute.get_strategy()


def uses_xla(train: TrainConfig) -> bool:
    """Whether to ask for steps compiled with XLA; "auto" means on GPUs only.

    On a CPU, XLA is slower and takes long to compile; on a TPU, everything is compiled without being asked for.
    """
    if train.strategy == "tpu":
        return False
    if train.jit_compile != "auto":
        return train.jit_compile == "on"
    return on_gpu()


def compilers(train: TrainConfig, replicas: int = 1) -> tuple[Callable, Callable]:
    """What compiles a whole training step, and what compiles its gradients alone: XLA does one of them, or neither.

    On a CPU, XLA makes one function of all that it compiles, with a loop per operation that it could not fuse, and
    LLVM's time grows with the square of their number. The update of each weight is several, so it stays outside. With
    several replicas, gradients are summed between the two, which XLA can't do.
    """
    as_it_is, by_xla = (lambda function: function), tf.function(jit_compile=True)
    if not uses_xla(train):
        return as_it_is, as_it_is
    return (by_xla, as_it_is) if on_gpu() and replicas == 1 else (as_it_is, by_xla)


class Batches:
    """The training data on its way to the replicas, and how a resumed run finds its place in it.

    With one replica, the iterator itself is saved in the checkpoint. A distributed iterator cannot be saved, so the
    batches used so far are skipped instead: this is just as exact, but takes the time of reading them. `SharedData`
    does not prepare them again.

    Args:
      source: The training data; or a dataset of global batches, which replicas share; or a callable that returns this
        process's own part, batched for one replica.
      strategy: Whose replicas get the batches.
      worker: The number of this process, from 0.
      workers: How many processes there are.

    Attributes:
      spec: Of one batch, (inputs, targets).
      iterator: Of batches; with several replicas, only after `go_to`.
      saved: What a checkpoint must hold, by name.
      facts: What must be the same for all workers.
    """

    def __init__(
        self, source: Source, strategy: tf.distribute.Strategy, worker: int = 0, workers: int = 1
    ):
        self._strategy = strategy
        self._source = source
        self._one_replica = strategy.num_replicas_in_sync == 1
        # Each worker reads its own part; the replicas of one share a batch, which may be odd.
        self._parts = {"worker": worker, "workers": workers}
        if workers > 1:
            self._parts["replicas"] = strategy.num_replicas_in_sync // workers
        self._whole = isinstance(source, tf.data.Dataset) or (
            isinstance(source, SharedData) and workers == 1
        )
        self.facts = source.facts if isinstance(source, SharedData) else {}
        self._dataset = self._after(0)
        self.spec = self._dataset.element_spec
        if self._whole and tpu.is_tpu(strategy):
            tpu.check_batch(self.spec, strategy.num_replicas_in_sync)
        self.iterator: Iterator = iter(self._dataset) if self._one_replica else None
        self.saved = {"batches": self.iterator} if self._one_replica else {}

    def go_to(self, count: int) -> None:
        """Continues after `count` used batches; to be called once, after the checkpoint has been restored."""
        if self._one_replica:
            return
        dataset = self._after(count)
        if self._whole:
            options = tf.data.Options()
            options.experimental_distribute.auto_shard_policy = (
                tf.data.experimental.AutoShardPolicy.DATA
            )
            distributed = self._strategy.experimental_distribute_dataset(
                dataset.with_options(options)
            )
        else:
            if self._parts["workers"] > 1:
                # Of a dataset that may end, all would ask each other at every batch whether theirs has.
                endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
                dataset = dataset.apply(endless)
            distributed = self._strategy.distribute_datasets_from_function(lambda _: dataset)
        self.iterator = iter(distributed)

    def examples_in(self, batch: int) -> list[Stored]:
        """The stored examples of a batch of all workers together; none if the data does not tell."""
        tell = getattr(self._source, "examples_in", None)
        if tell is None:
            return []
        parts = {name: value for name, value in self._parts.items() if name != "worker"}
        return tell(batch, **parts)

    def _after(self, count: int) -> tf.data.Dataset:
        """This process's batches, without the first `count`."""
        if isinstance(self._source, SharedData):
            return self._source.batches(**self._parts, used=count)
        whole = isinstance(self._source, tf.data.Dataset)
        dataset = self._source if whole else self._source(self._strategy)
        return dataset.skip(count) if count else dataset
