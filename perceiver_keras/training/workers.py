"""Several processes that train one model: what they tell each other, and what happens when one of them is gone.

Gradients are summed by TensorFlow's strategy. Here is the rest: the chief restores, evaluates and decides, and the
others are told. With one process, all of this is trivial and costs nothing.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from perceiver_keras.config import TrainConfig
from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.training.cluster import Cluster, check_port, from_environment
from perceiver_keras.training.rendezvous import meet
from perceiver_keras.training.sigterm import TERMINATED
from perceiver_keras.training.start_guard import guard
from perceiver_keras.training.strategy import make_strategy
from perceiver_keras.training.watch import Watch, silent, words

# What TensorFlow raises when an exchange fails.
_BROKEN = (
    *(tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError),
    *(tf.errors.DeadlineExceededError, tf.errors.InternalError, tf.errors.UnknownError),
)
# Who stopped sending heartbeats, as TensorFlow 2.15 says it, and as 2.21 does.
_SILENT = re.compile(
    r"(stopped sending heartbeats\):\s+)?/job:(?P<job>\w+)/replica:0/task:(?P<task>\d+)"
    r"(?(1)| heartbeat timeout)"
)
# Seconds in which all workers must have started.
_REGISTER = 600.0
# Seconds in which TensorFlow must have started in all of them after that.
_START = 60.0
_TOO_LATE = (
    "train.strategy=multi_worker: TensorFlow has started already in this process; call `workers.join` before anything "
    "else that uses TensorFlow."
)
# Seconds without a sign of life after which a worker that is stopped, or out of reach, is given up.
_HEARTBEAT = 10.0
# Seconds between two questions of a chief that works alone, whether a worker was asked to leave.
_BETWEEN = 1.0
_CHUNK = 1 << 22  # numbers exchanged at once: 16 MiB
# How long to wait for the watch to say who is gone, after TensorFlow said that someone is.
_WHO = 2.0


class Workers:
    """The workers of a run, and the place of this process among them.

    As a context manager, it lets no worker leave before all have done their part. An error that only says that another
    worker has left is raised as a `PerceiverError` that names it.

    Args:
      strategy: Of all devices of all workers.
      cluster: Which worker this is; None: there is one process.
      watch: Over the other workers.

    Attributes:
      strategy: As given.
      count: How many processes there are.
      index: Of this one, from 0.
      is_chief: Whether this process restores, evaluates, saves and reports for all.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        cluster: Cluster | None = None,
        watch: Watch | None = None,
    ):
        self.strategy, self._watch = strategy, watch
        self._cluster = cluster = cluster or Cluster(("here:0",), 0, (("worker", 1),))
        self.count, self.index = len(cluster.addresses), cluster.index
        self.is_chief = cluster.is_chief
        self._asked, self._told = threading.Event(), 0.0
        self._sums: dict[int, Callable[[tf.Tensor], tf.Tensor]] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.count == 1:
            return
        if error is None or isinstance(error, SystemExit):
            self._stop_watching()
            try:
                self.exchange(0)
            except tf.errors.OpError as broken:
                raise self._explained(broken) from broken
            return
        try:
            if any(isinstance(cause, _BROKEN) for cause in _causes(error)):
                raise self._explained(error) from error
        finally:
            self._stop_watching()

    def exchange(self, *numbers: int) -> np.ndarray:
        """What each worker gives, as int64 [workers, numbers]; all must call it, with equally many numbers.

        Args:
          numbers: From -2^31 to 2^31 - 1.
        """
        given = np.array([numbers], np.int64)
        if self.count == 1:
            return given
        table = np.zeros([self.count, len(numbers)], np.int32)
        table[self.index] = given
        return self._sum(table.ravel()).reshape(table.shape).astype(np.int64)

    def by_chief(self, work: Callable[[], None], asked: threading.Event) -> None:
        """The chief does `work`, and the others wait for it; all must call it.

        Args:
          work: Calls `between` from time to time.
          asked: Set when this process is asked to leave.

        Raises:
          SystemExit: with 143 in all, if any was asked to leave before the work was done.
        """
        self._asked, self._told = asked, time.monotonic()
        if self.is_chief:
            work()
        while not self._is_done(self.is_chief):
            pass

    def between(self) -> None:
        """For the chief, between two parts of its work: tells the others that it goes on, and hears them.

        Raises:
          SystemExit: as `by_chief` does.
        """
        if self.count == 1 or time.monotonic() - self._told > _BETWEEN:
            self._is_done(False)

    def _is_done(self, done: bool) -> bool:
        # As many numbers as the training loop exchanges: it has a graph for them.
        told = self.exchange(self._asked.is_set(), done, 0)
        self._told, done = time.monotonic(), bool(told[0, 1])
        if told[:, 0].any() and not done:
            raise SystemExit(TERMINATED)
        return done

    def from_chief(self, value: Any) -> Any:
        """The chief's value, whatever the others give; all must call it.

        Args:
          value: JSON.
        """
        if self.count == 1:
            return value
        text = json.dumps(value).encode() if self.is_chief else b""
        size = int(self.exchange(len(text))[0, 0])
        return json.loads(self._from_chief(np.frombuffer(text, np.uint8), size).tobytes())

    def agree(self, facts: Mapping[str, Any]) -> None:
        """Makes sure that all workers were started for the same run; all must call it.

        Args:
          facts: JSON, which must be the chief's.

        Raises:
          PerceiverError: a worker has others. All raise it; that worker says which.
        """
        if self.count == 1:
            return
        chiefs, own = self.from_chief(dict(facts)), json.loads(json.dumps(dict(facts)))
        other = [
            key for key in sorted(chiefs.keys() | own.keys()) if chiefs.get(key) != own.get(key)
        ]
        odd = self.exchange(bool(other))[:, 0].nonzero()[0]
        if other:
            raise PerceiverError(
                f"Worker {self.index} has {other[0]}={own.get(other[0])!r}, the chief {chiefs.get(other[0])!r}. Start "
                "all workers with the same command and the same data."
            )
        if odd.size:
            raise PerceiverError(
                f"Worker {odd[0]} was started with other settings or data than the chief; its last line says which. "
                "Start all workers with the same command and the same data."
            )

    def share(self, variables: Iterable[tf.Variable]) -> None:
        """Gives all replicas of all workers the values of the chief's first, bit for bit; all must call it."""
        if self.count == 1:
            return
        for variable in variables:
            parts = self.strategy.experimental_local_results(variable)
            value = parts[0].numpy()
            content = np.frombuffer(value.tobytes(), np.uint8)
            found = self._from_chief(content, content.size).tobytes()
            value = np.frombuffer(found, value.dtype).reshape(value.shape)
            for part in parts:
                part.assign(value)

    def _from_chief(self, content: np.ndarray, size: int) -> np.ndarray:
        """The chief's `size` bytes: summed with the zeros of all others, as whole numbers, so that no bit changes."""
        padded = np.zeros(-(-size // 4) * 4, np.uint8)
        if self.is_chief:
            padded[:size] = content
        numbers = padded.view(np.int32)
        parts = [np.zeros(0, np.int32)]
        for start in range(0, len(numbers), _CHUNK):
            part = numbers[start : start + _CHUNK]
            # Few different sizes: each has a graph of its own.
            whole = np.zeros(1 << max(len(part) - 1, 15).bit_length(), np.int32)
            whole[: len(part)] = part
            parts.append(self._sum(whole)[: len(part)])
        return np.concatenate(parts).view(np.uint8)[:size]

    def _sum(self, numbers: np.ndarray) -> np.ndarray:
        """The sum over workers of int32 [n]."""
        # Each size has a graph of its own, and an exchange of its own number.
        if numbers.size not in self._sums:
            self._sums[numbers.size] = tf.function(self._summed)
        return self._sums[numbers.size](tf.constant(numbers)).numpy()

    def _summed(self, numbers: tf.Tensor) -> tf.Tensor:
        replicas = self.strategy.num_replicas_in_sync // self.count

        def summed() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            first = context.replica_id_in_sync_group % replicas == 0
            given = tf.where(first, numbers, tf.zeros_like(numbers))
            return context.all_reduce(tf.distribute.ReduceOp.SUM, given)

        return self.strategy.experimental_local_results(self.strategy.run(summed))[0]

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.stop()

    def _explained(self, error: BaseException) -> PerceiverError:
        text = str(error)
        if "is joining a group with size" in text:
            return PerceiverError(
                "The workers' TF_CONFIG differ: they name different numbers of workers. Give all the same cluster."
            )
        # The chief hears all heartbeats; who does not hear the chief has no name to tell.
        if late := _SILENT.search(text):
            return PerceiverError(silent(self._cluster.task(late["job"], int(late["task"]))))
        gone = self._watch.gone(_WHO) if self._watch else None
        if gone:
            return PerceiverError(gone)
        if not self.is_chief and "Deadline Exceeded" in text:
            return PerceiverError(silent(self._cluster.name(0)))
        return PerceiverError(
            f"The workers can't reach each other any more ({first_line(error)}). All workers must start again: they go "
            "on from the last checkpoint."
        )


def join(train: TrainConfig) -> Workers:
    """The workers that `train.strategy` describes; waits for them if there are several.

    Raises:
      UsageError: "multi_worker" without a `TF_CONFIG` that describes the workers, or its port is in use.
      PerceiverError: not all workers came within ten minutes; TensorFlow has started already, or it can't start; "tpu",
        but there is none.
    """
    if train.strategy != "multi_worker":
        return Workers(make_strategy(train))
    cluster = from_environment()
    if getattr(context.context(), "_initialized", False):
        raise PerceiverError(_TOO_LATE)
    check_port(cluster)
    met = {words(name): one for name, one in meet(cluster, _REGISTER, _say).items()}
    watch = Watch(_watched(cluster), _abort)
    try:
        _wait_at_most(_START, cluster)
        with guard(met, silent("a worker"), 1.5 * _START):
            strategy = make_strategy(train)
    except RuntimeError as error:
        watch.stop()
        raise PerceiverError(f"{_TOO_LATE} ({first_line(error)})") from error
    except tf.errors.OpError as error:
        gone = watch.gone()
        watch.stop()
        raise PerceiverError(
            gone
            or f"{cluster.name(cluster.index)} can't start ({first_line(error)}). Its port must be free, and all "
            "workers of TF_CONFIG must be started at about the same time."
        ) from error
    watch.settle()
    return Workers(strategy, cluster, watch)


def _watched(cluster: Cluster) -> dict[str, str]:
    """All look at the chief, who looks at all: a dead worker ends the chief, and the chief the others."""
    return {
        cluster.name(index): address
        for index, address in enumerate(cluster.addresses)
        if index != cluster.index and (cluster.is_chief or index == 0)
    }


def _wait_at_most(seconds: float, cluster: Cluster) -> None:
    """Sets how long TensorFlow waits for workers that have not started; its own default is an hour."""
    # Made as a part of what has it, since the module of the message moves from version to version.
    jobs = tf.compat.v1.ConfigProto().experimental.coordination_config.coordinated_job_list
    for name, count in cluster.jobs:
        jobs.add(name=name, num_tasks=count)
    first = cluster.jobs[0][0]
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{first}/replica:0/task:0",
        cluster_register_timeout_in_ms=round(1000 * seconds),
        heartbeat_timeout_in_ms=round(1000 * _HEARTBEAT),
        coordinated_jobs=list(jobs),
    )


def _abort(text: str) -> None:
    """Wakes up a main thread that waits for a worker that is gone."""
    context.context().abort_collective_ops(tf.errors.UNAVAILABLE, text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
