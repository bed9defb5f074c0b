"""What a server or the way to it answers instead of numbers, and which of it is worth another try."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from perceiver_keras.errors import PerceiverError

T = TypeVar("T")
UNFITTING = "UNFITTING"  # our own code: a reply that is not what the signature declares
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0  # seconds


class Unreachable(PerceiverError):
    """There is no model server at the address, or it does not answer in time: other requests will fail too."""


class Failure(Exception):
    """One request that failed, before it is put into words for people.

    Attributes:
      code: The canonical code's name, such as NOT_FOUND.
      message: The server's, or the network's.
      reached: Whether a server answered at all.
      models: The names of the models that are there, if the server told them.
    """

    def __init__(
        self, code: str, message: str, reached: bool = True, models: list[str] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.reached, self.models = code, message, reached, models

    @property
    def worth_another_try(self) -> bool:
        """Whether the server was away or too busy. Asking a model changes nothing, so any request may be repeated."""
        full = self.code == "RESOURCE_EXHAUSTED" and "queue" in self.message
        return self.code == "UNAVAILABLE" or full


def with_retries(call: Callable[[float], T], timeout: float, patience: float) -> T:
    """What `call(seconds left)` returns, repeated with growing waits while it fails for a passing reason.

    Args:
      call: Asks once; raises `Failure`.
      timeout: Seconds for all tries together.
      patience: Seconds after which a passing failure is taken for a lasting one.

    Raises:
      Failure: the last one.
    """
    start, wait = time.monotonic(), FIRST_WAIT
    while True:
        try:
            return call(max(0.001, timeout - (time.monotonic() - start)))
        except Failure as failure:
            # Waits differ, so that clients that were turned away together do not come back together.
            pause = wait * random.uniform(0.5, 1.0)
            if time.monotonic() - start + pause > min(timeout, patience):
                raise
            if not failure.worth_another_try:
                raise
        time.sleep(pause)
        wait = min(2 * wait, LONGEST_WAIT)
