"""Batches: what shares one, what does not, and what is refused."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from perceiver_keras.server.loaded import End, Signature
from perceiver_keras.server.metrics import Metrics
from perceiver_keras.server.scheduler import Scheduler
from perceiver_keras.server.settings import Batching, Limits
from perceiver_keras.server.status import Code, ServingError

OPEN = End(1, (None,))
LIMITS = Limits()


class Recorder:
    """In place of a loaded model: keeps the batches, and computes when it is let."""

    def __init__(self, compute=lambda arrays: {"y": arrays["x"] * 2}) -> None:
        self.batches: list[list] = []
        self.compute, self.let = compute, threading.Event()
        self.let.set()

    def run(self, signature, arrays):
        self.let.wait(10)
        self.batches.append(arrays["x"].tolist())
        return self.compute(arrays)


def signature(shape=(None,)) -> Signature:
    return Signature("s", {"x": End(1, shape)}, {"y": OPEN}, None)


def run(recorder, requests, batching, limits=LIMITS, the_signature=None):
    """The answers, or errors, of requests that come at once while an earlier one is being computed."""
    the_signature = the_signature or signature()

    async def ask(scheduler, x):
        arrays = {"x": np.asarray(x, np.float32)}
        return await scheduler.run("m", recorder, the_signature, arrays)

    async def main():
        scheduler = Scheduler(batching, limits, Metrics())
        recorder.let.clear()
        first = asyncio.create_task(ask(scheduler, [-1.0]))
        await asyncio.sleep(0.02)
        tasks = [asyncio.create_task(ask(scheduler, x)) for x in requests]
        await asyncio.sleep(0.02)
        recorder.let.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(first, return_exceptions=True)
        scheduler.close()
        assert scheduler.waiting == 0 and not scheduler._rows and scheduler._bytes == 0
        return [f if isinstance(f, Exception) else f["y"].tolist() for f in found]

    return asyncio.run(main())


ONE = dict(num_batch_threads=1)


def test_what_waits_together_is_computed_together_and_answered_apart() -> None:
    recorder = Recorder()
    assert run(recorder, [[1.0], [2.0, 3.0], [4.0]], Batching(**ONE)) == [[2.0], [4.0, 6.0], [8.0]]
    assert recorder.batches == [[-1.0], [1.0, 2.0, 3.0, 4.0]]


def test_a_batch_is_never_larger_than_the_largest_but_for_one_large_request() -> None:
    recorder = Recorder()
    run(recorder, [[1.0, 1.0], [2.0, 2.0], [3.0] * 9], Batching(max_batch_size=3, **ONE))
    assert sorted(map(len, recorder.batches)) == [1, 2, 2, 9]


def test_batches_are_filled_up_to_an_allowed_size_and_nobody_sees_it() -> None:
    recorder = Recorder()
    batching = Batching(max_batch_size=8, allowed_batch_sizes=(4, 8), **ONE)
    assert run(recorder, [[1.0], [2.0]], batching) == [[2.0], [4.0]]
    assert recorder.batches == [[-1.0] * 4, [1.0, 2.0, 1.0, 1.0]]


def test_different_sizes_share_a_batch_only_if_they_may_be_padded() -> None:
    total = lambda a: {"y": a["x"].sum(-1)}  # noqa: E731
    for padded, batches in ((False, 2), (True, 1)):
        recorder = Recorder(total)
        batching = Batching(pad_variable_length_inputs=padded, **ONE)
        run(recorder, [[[1.0]], [[1.0, 2.0]]], batching, the_signature=signature((None, None)))
        assert len(recorder.batches) == batches + 1


@pytest.mark.parametrize(
    ("inner", "wanted"),
    [
        (None, [[3, 256, 0], [257, 512], [40_000, 40_000]]),
        (5, [[3, 40_000, 256, 257, 512, 0, 40_000]]),
    ],
)
def test_short_texts_share_no_batch_with_long_ones_where_the_answer_grows(inner, wanted) -> None:
    """The width of such an answer, and what it costs, is that of the longest text of the batch."""
    grows, recorder = (
        Signature("s", {"x": End(7, (None,))}, {"y": End(1, (None, inner))}, None),
        Recorder(),
    )
    recorder.compute = lambda arrays: {
        "y": np.ones([len(arrays["x"]), inner or max(map(len, arrays["x"]))])
    }

    async def main():
        scheduler = Scheduler(Batching(**ONE), LIMITS, Metrics())

        def ask(size):
            arrays = {"x": np.array([b"a" * size], object)}
            return asyncio.create_task(scheduler.run("m", recorder, grows, arrays))

        recorder.let.clear()
        first = ask(1)
        await asyncio.sleep(0.02)
        tasks = {size: ask(size) for size in (3, 40_000, 256, 257, 512, 0)}
        last = ask(40_000)
        await asyncio.sleep(0.02)
        recorder.let.set()
        await asyncio.gather(first, last, *tasks.values())
        scheduler.close()
        return {size: (await task)["y"].shape[1] for size, task in tasks.items()}

    widths = asyncio.run(main())
    assert sorted([list(map(len, batch)) for batch in recorder.batches[1:]]) == wanted
    assert widths[3] == (inner or 256) and widths[40_000] == (inner or 40_000)


def test_a_bad_request_fails_alone() -> None:
    def picky(arrays):
        if 13 in arrays["x"]:
            raise ValueError("thirteen")
        return {"y": arrays["x"]}

    one, bad, two = run(Recorder(picky), [[1.0], [13.0], [2.0]], Batching(**ONE))
    assert (one, two) == ([1.0], [2.0]) and str(bad) == "thirteen"


def test_outputs_that_can_not_be_divided_are_computed_one_by_one() -> None:
    recorder = Recorder(lambda arrays: {"y": arrays["x"].sum(keepdims=True)})
    assert run(recorder, [[1.0, 2.0], [5.0, 6.0]], Batching(**ONE)) == [[3.0], [11.0]]


def test_what_has_no_batch_is_computed_alone() -> None:
    recorder = Recorder()
    assert run(recorder, [1.0, 2.0], Batching(**ONE), the_signature=signature(())) == [2.0, 4.0]


def test_a_full_queue_refuses_and_says_so() -> None:
    batching = Batching(max_batch_size=2, max_enqueued_batches=2, **ONE)
    answers = run(Recorder(), [[float(i)] for i in range(6)], batching)
    assert answers[:4] == [[0.0], [2.0], [4.0], [6.0]]
    assert [e.code for e in answers[4:]] == [Code.RESOURCE_EXHAUSTED] * 2
    assert "queue to which this task was submitted is full" in answers[5].message
    # A request that is larger than a batch counts as one.
    answers = run(Recorder(), [[1.0], [2.0] * 9, [3.0]], batching)
    assert [len(a) for a in answers] == [1, 9, 1]
    few = Limits(max_queued_bytes=10)
    answers = run(Recorder(), [[0.0, 0.0], [1.0, 1.0]], Batching(**ONE), few)
    assert answers[0] == [0.0, 0.0] and answers[1].code == Code.RESOURCE_EXHAUSTED


def test_who_waits_too_long_is_told_and_no_longer_computed() -> None:
    recorder = Recorder()
    recorder.let.clear()
    timer = threading.Timer(0.3, recorder.let.set)
    timer.start()

    async def main():
        scheduler = Scheduler(Batching(**ONE), Limits(request_timeout_seconds=0.1), Metrics())
        ask = lambda x: scheduler.run("m", recorder, signature(), {"x": np.float32([x])})  # noqa: E731
        found = await asyncio.gather(ask(1), ask(2), return_exceptions=True)
        assert [e.code for e in found] == [Code.DEADLINE_EXCEEDED] * 2
        timer.join()
        assert (await ask(3))["y"].tolist() == [6.0]
        scheduler.close()

    asyncio.run(main())
    assert recorder.batches == [[1.0], [3.0]]


def test_a_client_that_leaves_costs_nothing_and_nobody_else_waits() -> None:
    recorder = Recorder()
    recorder.let.clear()

    async def main():
        scheduler = Scheduler(Batching(**ONE), Limits(), Metrics())
        ask = lambda x: asyncio.create_task(  # noqa: E731
            scheduler.run("m", recorder, signature(), {"x": np.float32([x])})
        )
        first, gone, last = ask(1), ask(2), ask(3)
        await asyncio.sleep(0.02)
        gone.cancel()
        await asyncio.sleep(0)
        recorder.let.set()
        assert (await first)["y"].tolist() == [2.0] and (await last)["y"].tolist() == [6.0]
        with pytest.raises(asyncio.CancelledError):
            await gone
        scheduler.close()

    asyncio.run(main())
    assert recorder.batches == [[1.0], [3.0]]


def test_who_waits_less_than_the_limit_is_told_earlier_and_leaves_the_queue() -> None:
    recorder = Recorder()
    recorder.let.clear()

    async def main():
        scheduler = Scheduler(
            Batching(max_batch_size=1, max_enqueued_batches=1), Limits(), Metrics()
        )

        def ask(x, seconds=None):
            arrays = {"x": np.float32([x])}
            return asyncio.create_task(scheduler.run("m", recorder, signature(), arrays, seconds))

        first, short = ask(1), ask(2, 0.05)
        with pytest.raises(ServingError) as late:
            await short
        assert late.value.code == Code.DEADLINE_EXCEEDED
        assert scheduler.waiting == 0 and not scheduler._rows and scheduler._bytes == 0
        last = ask(3)  # it has the place of the one that left: the queue holds one
        await asyncio.sleep(0.01)
        with pytest.raises(ServingError) as passed:
            await ask(4, -1.0)
        assert passed.value.code == Code.DEADLINE_EXCEEDED
        recorder.let.set()
        assert (await first)["y"].tolist() == [2.0] and (await last)["y"].tolist() == [6.0]
        scheduler.close()

    asyncio.run(main())
    assert recorder.batches == [[1.0], [3.0]]


def test_a_deadline_that_a_busy_loop_has_missed_holds_when_a_batch_is_made() -> None:
    recorder = Recorder()
    recorder.let.clear()

    async def main():
        scheduler = Scheduler(Batching(), Limits(), Metrics())
        run = lambda x, seconds: asyncio.create_task(  # noqa: E731
            scheduler.run("m", recorder, signature(), {"x": np.float32([x])}, seconds)
        )
        first, late = run(1, None), run(2, 0.05)
        await asyncio.sleep(0.01)
        recorder.let.set()
        time.sleep(0.3)  # no alarm rings meanwhile; then the batch is made before they do
        scheduler._take(next(iter(scheduler._queues)))
        found = await asyncio.gather(first, late, return_exceptions=True)
        assert found[0]["y"].tolist() == [2.0] and found[1].code == Code.DEADLINE_EXCEEDED
        scheduler.close()

    asyncio.run(main())
    assert recorder.batches == [[1.0]]


@pytest.mark.parametrize(("patience", "batches"), [(60, [[1.0], [2.0, 3.0]]), (0.001, None)])
def test_while_one_batch_is_computed_the_next_is_filled_for_its_time(patience, batches) -> None:
    """With two threads, one would otherwise take every request as it comes."""
    recorder, one = Recorder(), signature()
    recorder.let.clear()

    async def main():
        batching = Batching(num_batch_threads=2, batch_timeout_micros=int(patience * 1e6))
        scheduler = Scheduler(batching, Limits(), Metrics())
        ask = lambda x: asyncio.create_task(  # noqa: E731
            scheduler.run("m", recorder, one, {"x": np.float32([x])})
        )
        tasks = [ask(1), ask(2), ask(3)]
        await asyncio.sleep(0.01)
        if batches:
            assert scheduler.waiting == 2
        for _ in range(1000):
            if batches or not scheduler.waiting:
                break
            await asyncio.sleep(0.005)
        assert bool(batches) == bool(scheduler.waiting)
        recorder.let.set()
        await asyncio.gather(*tasks)
        scheduler.close()

    asyncio.run(main())
    assert not batches or recorder.batches == batches
