"""The reliability picture, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.show import style
from perceiver_keras.show.reliability import reliability


def binned(said: np.ndarray, right: np.ndarray, count: int = 10) -> list[dict]:
    places = np.minimum((said * count).astype(int), count - 1)
    return [
        {
            "count": int((places == n).sum()),
            "confidence": float(said[places == n].mean()) if (places == n).any() else None,
            "accuracy": float(right[places == n].mean()) if (places == n).any() else None,
        }
        for n in range(count)
    ]


def test_bars_are_the_share_that_was_right() -> None:
    rng = np.random.default_rng(0)
    said = rng.uniform(0.3, 1, 2000)
    right = rng.random(2000) < said - 0.2  # too sure by 0.2
    bins = binned(said, right)
    figure = reliability(bins)
    above, below = figure.axes
    heights = [bar.get_height() for bar in above.containers[0]]
    assert heights == pytest.approx([b["accuracy"] for b in bins if b["count"]])
    assert [bar.get_height() for bar in below.containers[0]] == [b["count"] for b in bins]
    gaps = [bar.get_height() for bar in above.containers[1]]
    assert np.mean(gaps) == pytest.approx(0.2, abs=0.05)
    error = (
        sum(b["count"] * abs(b["confidence"] - b["accuracy"]) for b in bins if b["count"]) / 2000
    )
    assert f"{error:.4f}" in figure.get_label() and "2,000 answers" in figure.get_label()


def test_a_given_error_is_the_one_that_is_told() -> None:
    bins = binned(np.array([0.9, 0.8]), np.array([1, 0]))
    assert "0.1234" in reliability(bins, 0.1234).get_label()


@pytest.mark.parametrize("bins", [[], binned(np.zeros(0), np.zeros(0))])
def test_nothing_to_count_is_said(bins) -> None:
    figure = reliability(bins)
    assert "no answer" in figure.get_label()
    assert style.to_png(figure).startswith(b"\x89PNG")
