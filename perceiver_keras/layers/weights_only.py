"""Making a model's weights without tracing what it computes, and without values if a file is to give them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_blocks_left_out: ContextVar[bool] = ContextVar("blocks_left_out", default=False)
_values_left_out: ContextVar[bool] = ContextVar("values_left_out", default=False)

blocks_are_left_out = _blocks_left_out.get
values_are_left_out = _values_left_out.get


@contextlib.contextmanager
def _within(switch: ContextVar[bool]) -> Iterator[None]:
    token = switch.set(True)
    try:
        yield
    finally:
        switch.reset(token)


def without_blocks() -> contextlib.AbstractContextManager[None]:
    """Within, a block that has its weights returns its query as it is: the right shape, for the layers behind it."""
    return _within(_blocks_left_out)


def without_values() -> contextlib.AbstractContextManager[None]:
    """Within, kernels start at zero: random numbers are most of the time that making large weights takes.

    For weights that are all assigned before anybody reads them.
    """
    return _within(_values_left_out)
