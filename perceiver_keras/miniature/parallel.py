"""Several measurements at once, each in a process of its own with its share of the cores.

A model of this size does not use two cores well: two trainings, each on one core, are done sooner than one after the
other on both.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from typing import Any

from perceiver_keras.child_processes import cores, leave_with_parent, only_on, share
from perceiver_keras.errors import PerceiverError
from perceiver_keras.progress import Progress


class Lines(Progress):
    """Plain lines, also on a terminal, where several processes would write over each other's live line."""

    def __init__(self, total: int, label: str = ""):
        super().__init__(total, label, interval=30.0)

    def __enter__(self) -> Lines:
        return self


def run(calls: Mapping[str, tuple[Callable[..., None], Any]], jobs: int) -> None:
    """Makes all calls, `jobs` of them at a time, in this order.

    Args:
      calls: {name, for the error: (a function of a module, its arguments)}; pickled.
      jobs: Processes at a time.

    Raises:
      PerceiverError: some have failed; the others were made all the same.
    """
    new = multiprocessing.get_context("spawn")  # TensorFlow's threads do not survive a fork
    waiting, failed = list(calls.items()), []
    jobs = min(jobs, len(waiting))  # so that no share of the cores is left over
    running: dict[int, tuple[str, multiprocessing.process.BaseProcess]] = {}
    try:
        while waiting or running:
            for place in range(jobs):
                if waiting and place not in running:
                    name, (call, arguments) = waiting.pop(0)
                    with only_on(share(cores(), place, jobs)):
                        process = new.Process(target=_call, args=(call, arguments), name=name)
                        process.start()
                    running[place] = name, process
            ended = wait([process.sentinel for _, process in running.values()])
            for place, (name, process) in list(running.items()):
                if process.sentinel in ended:
                    process.join()
                    del running[place]
                    if process.exitcode:
                        failed.append(f"{name} ({_how(process.exitcode)})")
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.join()
    if failed:
        raise PerceiverError(
            f"Not measured: {', '.join(failed)}; why is above. The same command goes on from what is done."
        )


def _call(call: Callable[..., None], arguments: Any) -> None:
    leave_with_parent()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches all; the first process ends the others
    try:
        call(*arguments)
    except PerceiverError as error:
        sys.exit(f"Error: {error}")


def _how(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"killed by signal {-code}"
