"""Settings that can't be meant are refused when they are made."""

from __future__ import annotations

import pytest

from perceiver_keras.server.settings import Batching


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_batch_size": 0}, "max_batch_size: expected 1 or more, got 0"),
        ({"batch_timeout_micros": -1}, "batch_timeout_micros: expected 0 or more"),
        ({"max_enqueued_batches": 0}, "max_enqueued_batches: expected 1"),
        ({"num_batch_threads": 0}, "num_batch_threads: expected 1"),
        ({"allowed_batch_sizes": (8, 4)}, "expected increasing sizes"),
        ({"allowed_batch_sizes": (0, 64)}, "expected increasing sizes"),
        (
            {"allowed_batch_sizes": (1, 8)},
            "must match max_batch_size; last entry was 8; expected 64",
        ),
    ],
)
def test_batching(given, words) -> None:
    with pytest.raises(ValueError, match=words):
        Batching(**given)


def test_sizes_that_end_with_the_largest_batch_are_taken() -> None:
    assert Batching(max_batch_size=8, allowed_batch_sizes=(1, 8)).allowed_batch_sizes == (1, 8)
