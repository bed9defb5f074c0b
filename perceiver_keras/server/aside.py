"""Work on large requests and answers, outside of the event loop, in which all others would wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

HUGE = 16 << 20  # bytes of a request after which memory is given back
LARGE = 1 << 16  # bytes of a request, or values, whose work takes longer than giving it to a thread
# Few: what waits here has been received, and all of them share Python's lock with the event loop. Of our own: asyncio
# waits at its end for threads of its own.
_THREADS = ThreadPoolExecutor(2, "large")


async def aside(large: bool, function: Callable[..., Result], *arguments: object) -> Result:
    """`function(*arguments)`, in a thread if it is `large`."""
    if not large:
        return function(*arguments)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, function, *arguments)


def give_back_memory() -> None:
    """What is free, to the system: glibc keeps gigabytes of a single request's strings."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
