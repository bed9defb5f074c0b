"""What processes that are started here share: the machine's cores, and an end together with the process before them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator, Sequence

_PARENT_DIED = 1  # PR_SET_PDEATHSIG of Linux's prctl


def leave_with_parent() -> None:
    """In a new process: it is asked to save and leave when the one that started it is killed. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PARENT_DIED, signal.SIGTERM)


def cores() -> list[int]:
    """The cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def share(whole: Sequence[int], number: int, of: int) -> list[int]:
    """Part `number` of the cores for `of` processes: equal parts, or one core each where there are too few."""
    if of >= len(whole):
        return [whole[number % len(whole)]]
    ends = [len(whole) * place // of for place in (number, number + 1)]
    return list(whole[slice(*ends)])


@contextlib.contextmanager
def only_on(some: Sequence[int]) -> Iterator[None]:
    """Processes that are started within the block use only these cores, where the system can bind them."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, some)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
