"""Thresholds held against the trivial guess without a pipeline: on the real digits, and only where that is quick."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from perceiver_keras.gate import trivial
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData

DIGITS = registry.get("image_classification")
CONFIG = DIGITS.preset("tiny").config


def asking(bound: float, *more: str):
    return override(CONFIG, f"evaluate.thresholds.accuracy={bound}", *more)


@pytest.fixture(scope="module", autouse=True)
def share() -> float:
    """How often the commonest digit occurs in the test split, counted on the records."""
    batches = TaskData(DIGITS, CONFIG).eval_batches("test")
    labels = np.concatenate([targets.numpy() for _, targets in batches])
    return float(np.bincount(labels).max() / len(labels))


def test_a_threshold_that_the_guess_reaches_is_refused(share) -> None:
    with pytest.raises(UsageError) as told:
        trivial.check_now(DIGITS, asking(0.05))
    assert f"the trivial guess reaches {share:.4g} on the 269 examples" in str(told.value)
    assert trivial.check_now(DIGITS, asking(0.97))
    assert trivial.check_now(DIGITS, asking(0.97, "evaluate.batch_size=auto"))


def test_what_takes_longer_is_left_to_the_run(monkeypatch) -> None:
    with monkeypatch.context() as few:
        few.setattr(trivial, "MOST_EXAMPLES", 268)
        assert not trivial.check_now(DIGITS, asking(0.05))
        # A run on few examples has few to count.
        with pytest.raises(UsageError, match="on the 100 examples"):
            trivial.check_now(DIGITS, asking(0.0, "data.max_examples=100"))
    monkeypatch.setattr(trivial, "MOST_SECONDS", 0.0)
    assert not trivial.check_now(DIGITS, asking(0.05))


def test_data_that_is_not_there_or_a_vocabulary_to_be_learned_is_left_to_the_run(tmp_path) -> None:
    elsewhere = asking(0.05, f"data.data_dir={tmp_path}")
    assert not trivial.check_now(DIGITS, elsewhere)
    assert not trivial.check_now(DIGITS, asking(0.05, "data.test_split=tset"))
    assert not any(tmp_path.iterdir())
    text = registry.get("language_mlm")
    config = text.configure(
        overrides=("data.sentencepiece=train", "evaluate.thresholds.accuracy=0")
    )
    assert not trivial.check_now(text, config)


def test_what_is_prepared_for_it_is_that_of_the_run(tmp_path) -> None:
    with pytest.raises(UsageError, match="any model would pass"):
        trivial.check_now(DIGITS, asking(0.05, f"data.data_dir={tmp_path}"), prepare=True)
    assert source.open_builder(CONFIG.data.dataset, str(tmp_path), prepare=False).is_prepared()


def test_batches_end_at_a_moment_but_not_before_the_first() -> None:
    numbers = tf.data.Dataset.range(6).batch(2)
    late, early = (trivial._Until(numbers, time.monotonic() + wait) for wait in (60, -1))
    assert [list(b) for b in late.dataset.as_numpy_iterator()] == [[0, 1], [2, 3], [4, 5]]
    assert [list(b) for b in early.dataset.as_numpy_iterator()] == [[0, 1]]
    assert early.was_cut and not late.was_cut
