"""Tries: again for what passes, never for what stays, and within the time that was given."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.client import failures
from perceiver_keras.client.failures import Failure, with_retries


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.sleeps = 0.0, []
        monkeypatch.setattr(failures.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(failures.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


AWAY = Failure("UNAVAILABLE", "connection refused", reached=False)
FULL = Failure("RESOURCE_EXHAUSTED", "the batch scheduling queue is full")


@given(fails=st.integers(0, 3), failure=st.sampled_from([AWAY, FULL]))
def test_what_passes_is_tried_again(fails: int, failure: Failure) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock, tries = Clock(patch), []

        def call(seconds: float) -> str:
            tries.append(seconds)
            if len(tries) <= fails:
                raise failure
            return "answer"

        assert with_retries(call, 60, 30) == "answer"
        assert len(tries) == fails + 1
        assert tries == pytest.approx([60 - sum(clock.sleeps[:n]) for n in range(fails + 1)])
        assert all(b > 0.9 * a for a, b in zip(clock.sleeps, clock.sleeps[1:], strict=False))


@given(timeout=st.floats(0.1, 100), patience=st.floats(0, 100))
def test_tries_end_in_time(timeout: float, patience: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)

        def call(seconds: float) -> None:
            assert seconds > 0
            raise AWAY

        with pytest.raises(Failure) as caught:
            with_retries(call, timeout, patience)
        least = min(timeout, patience)
        assert caught.value is AWAY and least - failures.LONGEST_WAIT - 0.1 <= clock.now <= least


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("INVALID_ARGUMENT", "a bad picture"),
        ("RESOURCE_EXHAUSTED", "larger than max_request_bytes"),
        ("DEADLINE_EXCEEDED", "too long"),
        ("INTERNAL", "a fault"),
    ],
)
def test_what_stays_is_told_at_once(code: str, words: str) -> None:
    tries = []

    def call(seconds: float) -> None:
        tries.append(seconds)
        raise Failure(code, words)

    start = time.monotonic()
    with pytest.raises(Failure, match=words):
        with_retries(call, 60, 60)
    assert len(tries) == 1 and time.monotonic() - start < 10
