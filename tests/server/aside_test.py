"""What is large has a thread of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from perceiver_keras.server.aside import aside, give_back_memory


def test_only_what_is_large_has_another_thread() -> None:
    async def main():
        return [await aside(large, threading.current_thread) for large in (False, True)]

    here, there = asyncio.run(main())
    assert here is threading.current_thread() and there is not here


@pytest.mark.parametrize("large", [False, True])
def test_arguments_go_in_and_errors_come_out(large: bool) -> None:
    assert asyncio.run(aside(large, divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(aside(large, divmod, 7, 0))


def test_memory_that_is_free_is_given_back() -> None:
    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])

    before = resident()
    held = [bytes(1000) for _ in range(200_000)]
    full = resident()
    del held
    give_back_memory()
    assert full - before > 20_000 and resident() - before < (full - before) / 2
