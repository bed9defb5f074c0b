"""Dynamic batching: requests that wait at the same time are computed together.

All queues belong to the event loop, so they need no locks; a few threads compute, where TensorFlow lets go of Python.
"""

from __future__ import annotations

import asyncio
import bisect
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perceiver_keras.server import merge
from perceiver_keras.server.aside import LARGE, aside
from perceiver_keras.server.loaded import LoadedModel, Signature
from perceiver_keras.server.metrics import Metrics
from perceiver_keras.server.settings import Batching, Limits
from perceiver_keras.server.status import Code, ServingError, late

Arrays = Mapping[str, np.ndarray]


@dataclass(eq=False)
class _Task:
    model_name: str
    loaded: LoadedModel
    signature: Signature
    arrays: Arrays
    rows: int  # examples
    size: int  # bytes
    answer: asyncio.Future
    until: float  # when nobody waits for it any more
    since: float = field(default_factory=time.monotonic)
    queued: bool = True


class Scheduler:
    """Runs requests on loaded models, together where they fit."""

    def __init__(self, batching: Batching, limits: Limits, metrics: Metrics) -> None:
        self._batching, self._limits, self._metrics = batching, limits, metrics
        self.waiting = 0  # requests in the queues; other threads may read it
        self._queues: OrderedDict[Hashable, deque[_Task]] = OrderedDict()
        self._rows: dict[LoadedModel, int] = {}  # that wait
        self._computing: Counter[Hashable] = Counter()  # batches, by queue
        self._bytes = 0
        self._free = batching.num_batch_threads
        self._threads = ThreadPoolExecutor(batching.num_batch_threads, "batch")
        self._alarm: asyncio.TimerHandle | None = None

    async def run(
        self,
        model_name: str,
        loaded: LoadedModel,
        signature: Signature,
        arrays: Arrays,
        seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """The outputs for one request, whose arrays were checked.

        Who is cancelled, or waited for `seconds` (None: as long as the limits allow), is not computed if it is still in
        a queue.

        Raises:
          ServingError: RESOURCE_EXHAUSTED if too much waits, DEADLINE_EXCEEDED if it took too long.
          Exception: what TensorFlow raised for these values.
        """
        patience = self._limits.request_timeout_seconds
        patience = patience if seconds is None else min(patience, seconds)
        if patience <= 0:
            raise late()
        rows = merge.rows_of(arrays)
        # Strings are counted with what they hold: the pointers alone would let gigabytes wait.
        large = sum(array.size for array in arrays.values()) > LARGE
        size = await aside(large, _bytes_of, arrays)
        alone = not signature.batches or rows is None or rows >= self._batching.max_batch_size
        padded, by_length = self._batching.pad_variable_length_inputs, signature.sized_by_content
        # A graph computes all texts of a batch as long as the longest: short ones must not pay for a stranger's.
        fit = None if alone else await aside(large, merge.fit_key, arrays, padded, by_length)
        most = self._batching.max_enqueued_batches * self._batching.max_batch_size
        waiting = self._rows.get(loaded, 0)
        if waiting and waiting + self._load(rows or 1) > most:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                "The batch scheduling queue to which this task was submitted is full; "
                f"{waiting} examples wait, of at most {most}",
            )
        if self._bytes and self._bytes + size > self._limits.max_queued_bytes:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                f"The queue is full: {self._bytes} bytes wait, of at most {self._limits.max_queued_bytes}",
            )
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        until = time.monotonic() + patience
        key = object() if alone else (signature, fit)
        task = _Task(model_name, loaded, signature, arrays, rows or 1, size, answer, until)
        self._queues.setdefault(key, deque()).append(task)
        self._rows[loaded] = waiting + self._load(task.rows)
        self._bytes += size
        self.waiting += 1
        self._start()
        alarm = loop.call_later(patience, _expire, answer)
        try:
            return await answer
        finally:
            alarm.cancel()
            self._leave(task)

    def _start(self) -> None:
        """Gives every free thread a batch, if one is full or has waited long enough."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        while self._free and self._queues:
            now, patience = time.monotonic(), self._batching.batch_timeout_micros / 1e6
            ready, soonest = None, float("inf")
            for key, queue in self._queues.items():
                due = queue[0].since + patience
                full = sum(t.rows for t in queue) >= self._batching.max_batch_size
                if full or due <= now or not self._computing[key]:
                    ready = key
                    break
                soonest = min(soonest, due)
            if ready is None:
                loop = asyncio.get_running_loop()
                self._alarm = loop.call_later(max(0.0, soonest - now), self._start)
                return
            if batch := self._take(ready):
                self._free -= 1
                self._computing[ready] += 1
                asyncio.get_running_loop().run_in_executor(
                    self._threads, self._compute, ready, batch, asyncio.get_running_loop()
                )

    def _take(self, key: Hashable) -> list[_Task]:
        """The next batch of a queue, which then goes to the end of the line. Nobody waits for cancelled tasks."""
        queue, batch, rows, now = self._queues[key], [], 0, time.monotonic()
        while queue and (not batch or rows + queue[0].rows <= self._batching.max_batch_size):
            task = queue.popleft()
            self._leave(task)
            if task.until <= now:  # the loop was too busy for its alarm
                _expire(task.answer)
            if not task.answer.done():
                batch.append(task)
                rows += task.rows
        if queue:
            self._queues.move_to_end(key)
        else:
            del self._queues[key]
        return batch

    def _leave(self, task: _Task) -> None:
        """Gives its place in the queue to others, at once if nobody waits for it any more."""
        if not task.queued:
            return
        task.queued = False
        self.waiting -= 1
        self._rows[task.loaded] -= self._load(task.rows)
        self._bytes -= task.size
        if not self._rows[task.loaded]:
            del self._rows[task.loaded]

    def _compute(self, key: Hashable, batch: list[_Task], loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: all results of a batch go back in one step."""
        now = time.monotonic()
        for task in batch:
            self._metrics.queueing.observe((now - task.since) * 1e6, task.model_name)
        try:
            results = self._results(batch)
        except BaseException as error:
            results = [error] * len(batch)
        loop.call_soon_threadsafe(self._finish, key, batch, results)

    def _results(self, batch: list[_Task]) -> list[Any]:
        first, rows = batch[0], sum(task.rows for task in batch)
        if len(batch) == 1 and not self._batching.allowed_batch_sizes:
            return [self._call(first, first.arrays, rows)]
        to_rows = self._allowed(rows) if first.signature.batches else rows
        try:
            arrays = merge.merged([task.arrays for task in batch], rows, to_rows)
            outputs = self._call(first, arrays, rows)
        except Exception as error:
            # One request must not fail for another's values; what took too long is not tried again.
            if len(batch) == 1 or getattr(error, "error_code", None) == Code.DEADLINE_EXCEEDED:
                return [error] * len(batch)
            return [self._alone(task) for task in batch]
        if to_rows == rows and len(batch) == 1:
            return [outputs]
        answers = merge.divided(outputs, [task.rows for task in batch], to_rows)
        return answers or [self._alone(task) for task in batch]

    def _alone(self, task: _Task) -> Any:
        try:
            return self._call(task, task.arrays, task.rows)
        except Exception as error:
            return error

    def _call(self, task: _Task, arrays: Arrays, rows: int) -> dict[str, np.ndarray]:
        start = time.monotonic()
        outputs = task.loaded.run(task.signature, arrays)
        took = (time.monotonic() - start) * 1e6
        self._metrics.runtime.observe(took, task.model_name, "Predict", "TF1")
        self._metrics.batches.add()
        self._metrics.batched_rows.add(task.model_name, by=rows)
        return outputs

    def _load(self, rows: int) -> int:
        """What a request takes of the queue: one that is larger than a batch counts as one batch."""
        return min(rows, self._batching.max_batch_size)

    def _allowed(self, rows: int) -> int:
        sizes = self._batching.allowed_batch_sizes
        place = bisect.bisect_left(sizes, rows)
        return sizes[place] if place < len(sizes) else rows

    def _finish(self, key: Hashable, batch: list[_Task], results: list[Any]) -> None:
        self._free += 1
        self._computing[key] -= 1
        if not self._computing[key]:
            del self._computing[key]
        for task, result in zip(batch, results, strict=True):
            if task.answer.done():  # cancelled
                continue
            if isinstance(result, BaseException):
                task.answer.set_exception(result)
            else:
                task.answer.set_result(result)
        self._start()

    def close(self) -> None:
        """Waits for what is being computed."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _expire(answer: asyncio.Future) -> None:
    if not answer.done():
        answer.set_exception(late())


def _bytes_of(arrays: Arrays) -> int:
    return sum(
        array.nbytes + (sum(map(len, array.flat)) if array.dtype.hasobject else 0)
        for array in arrays.values()
    )
