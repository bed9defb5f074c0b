"""What was measured of the served model, in words."""

from __future__ import annotations

import pytest

from perceiver_keras.show import serving
from tests.show import verdicts


def test_size_time_and_memory() -> None:
    assert dict(serving.facts(verdicts.serving())) == {
        "size on disk": "3.1 MiB",
        "time to load": "1.8 s",
        "peak memory": "411 MiB",
        "compared with the last blessed": "1.31 times as slow",
        "warm-up requests replayed": "8, answered as in training",
    }


def test_what_was_not_measured_is_left_out() -> None:
    old = {"cause": None, "records": 8, "load_seconds": 9.4, "slowest_seconds": 1.4}
    assert [what for what, _ in serving.facts(old)] == [
        "time to load",
        "warm-up requests replayed",
    ]
    for nothing in (None, {}, {"cause": "it is half-written", "records": 0, "load_seconds": 0.0}):
        assert serving.facts(nothing) == []
        assert serving.agreement(nothing) is None


def test_a_refused_export_is_not_said_to_have_answered_right() -> None:
    facts = dict(serving.facts(verdicts.serving(cause="an answer differs")))
    assert facts["warm-up requests replayed"] == "8"


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1.02, "as fast"), (10.0, "10.00 times as slow"), (0.5, "2.00 times as fast")],
)
def test_the_slowdown_in_words(factor: float, words: str) -> None:
    facts = dict(serving.facts(verdicts.serving(slowdown=factor)))
    assert facts["compared with the last blessed"] == words


def test_training_against_serving() -> None:
    found = serving.agreement(verdicts.serving())
    assert (
        found["agree"] and "200 examples" in found["text"] and "the answers agree" in found["text"]
    )
    assert "3.100e-07" in found["text"] and found["compared"] == [
        "serving_default",
        "serving_tensors",
    ]
    skew = {
        "examples": 1,
        "compared": ["scores"],
        "largest_difference": 0.4,
        "stage": "raw input → model input",
        "output": "image",
        "text": "differs by 0.4 from the trainer's answer",
    }
    found = serving.agreement(verdicts.serving(skew=skew))
    assert (
        not found["agree"]
        and "they part at raw input → model input (output image)" in found["text"]
    )


def test_what_differs_is_said() -> None:
    told = "serving_default's scores differs by 0.4"  # `serving_answers` names what differs itself
    skew = verdicts.serving()["skew"] | {"stage": "model → answer", "text": told}
    text = serving.agreement(verdicts.serving(skew=skew))["text"]
    assert f"they part at model → answer: {told}." in text


def test_why_a_baseline_was_not_timed() -> None:
    untimed = verdicts.serving(slowdown=None, baseline={"latency": None, "note": "it is gone"})
    assert dict(serving.facts(untimed))["compared with the last blessed"] == "not timed: it is gone"


def test_latency_in_rows() -> None:
    table = serving.latency(verdicts.serving()["latency"])
    assert [row["request"] for row in table["rows"]] == ["one example", "8 at once"]
    assert [row["per_second"] for row in table["rows"]] == ["500", "1,000"]
    assert serving.latency(None) is None
    assert serving.latency({"machine": "", "requests": []}) is None
