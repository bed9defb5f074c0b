"""A whole benchmark: one case after the other, each measured on all sides, written down at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from perceiver_keras.benchmarks import machine, peers, starts
from perceiver_keras.benchmarks.cases import Case
from perceiver_keras.benchmarks.measure import Calls, SideFailed, Worker, measure, worker
from perceiver_keras.benchmarks.result_file import Results
from perceiver_keras.errors import PerceiverError

START_CALLS = 5  # of each command


def run(
    cases: Sequence[Case],
    others: Sequence[peers.Ready],
    results: Results,
    calls: Calls,
    done: Callable[[Case, dict[str, Any]], None],
) -> None:
    """Measures `cases`, and adds each to `results` as soon as all sides are through with it.

    Args:
      cases: What to measure, in this order.
      others: The peers; each is measured where it can do a case.
      results: Where it is kept.
      calls: How often each side is called.
      done: Told each case and its row in `results`.
    """
    us = peers.ours()
    reached: dict[str, float] = {}  # precision -> the most operations per second of matrix products
    with contextlib.ExitStack() as stack:
        counting: Worker | None = None
        for case in cases:
            told = case.as_json() | {"threads": machine.cores()}
            flops = others_share = None
            if case.kind == "start":
                sides = {us.side.name: _start(case, min(calls.most, START_CALLS))}
            else:
                if case.kind in ("forward", "train"):
                    counting = counting or stack.enter_context(worker(us))
                    try:
                        told |= counting.request("ask", name="describe", case=told)
                    except SideFailed as error:
                        results.add(told, {us.side.name: {"failed": str(error)}})
                        done(case, results.whole["cases"][case.name])
                        continue
                    flops = told.pop("flops")
                elif case.kind == "products":
                    flops = 2 * case.x**3 * case.steps
                able = [us, *(other for other in others if other.side.can(case))]
                sides, others_share = measure(able, told, calls)
            if case.kind == "products":
                fastest = [min(s["seconds"]) for s in sides.values() if s.get("seconds")]
                if fastest:
                    reached[case.precision] = flops / min(fastest)
            results.add(told, sides, flops, reached.get(case.precision), others_share)
            done(case, results.whole["cases"][case.name])


def _start(case: Case, calls: int) -> dict[str, Any]:
    try:
        return starts.measure(case.name.partition("/")[2], calls)
    except PerceiverError as error:
        return {"failed": str(error)}
