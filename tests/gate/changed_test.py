"""Labels or inputs that changed since the last model was blessed, seen by that model's own fall."""

import math

import numpy as np
import pytest
from scipy import stats

from perceiver_keras.gate.changed import check
from perceiver_keras.gate.estimates import Estimate, Evaluated
from tests.gate.samples import evaluated

CLASSES = 10


def judged(then, now, lower=(), metrics=("accuracy",), confidence=0.95):
    return check(then, now, metrics=metrics, lower_is_better=lower, confidence=confidence)


def split(per_class, accuracy, seed):
    """Labels, and answers that are right with this chance: one number, or one per class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), per_class)
    chance = np.broadcast_to(accuracy, [CLASSES])[labels]
    return labels.astype(str), (rng.random(len(labels)) < chance).astype(float)


def when_blessed(per_class=27, accuracy=0.97, seed=0):
    labels, answers = split(per_class, accuracy, seed)
    return evaluated(answers, labels=labels, seed=seed)


def today(per_class=27, accuracy=0.97, seed=1):
    """The same model as the baseline of a candidate that is always right."""
    labels, answers = split(per_class, accuracy, seed)
    return evaluated(np.ones_like(answers), answers, labels=labels, seed=seed)


@pytest.mark.parametrize("per_class", [12, 27, 200])
def test_two_classes_swapped_in_the_new_data_only(per_class):
    """The candidate is right everywhere: it learned the swapped labels."""
    chances = np.full(CLASSES, 0.97)
    chances[[3, 5]] = 0.01
    found = judged(when_blessed(per_class), today(per_class, chances))
    assert found.passed is False
    assert "accuracy@label=3 was " in found.text and "accuracy@label=5 was " in found.text
    assert "accuracy@label=4" not in found.text
    assert "labels or the inputs of these examples have changed" in found.text


def test_inputs_that_changed_for_all_classes():
    found = judged(when_blessed(), today(accuracy=0.15))
    assert found.passed is False and "accuracy was 0.9" in found.text


@pytest.mark.parametrize(("per_class", "accuracy"), [(27, 0.97), (27, 0.7), (5, 0.9), (200, 0.9)])
def test_clean_new_data_never_trips_it(per_class, accuracy):
    """200 pairs of test splits of the same kind."""
    passed = [
        judged(
            when_blessed(per_class, accuracy, 2 * seed), today(per_class, accuracy, 2 * seed + 1)
        ).passed
        for seed in range(200)
    ]
    assert all(passed)


def test_the_same_test_split_again_is_the_same():
    labels, answers = split(27, 0.9, 3)
    then = evaluated(answers, labels=labels)
    now = evaluated(np.ones_like(answers), answers, labels=labels)
    found = judged(then, now)
    assert found.passed is True and "about as good on today's test split" in found.text


def test_p_is_that_of_the_formula():
    """One metric that is no share, so that a tenth of 20 must be lost at least: t and Welch's freedom by hand."""

    def side(value, error, examples, degrees):
        return Evaluated(
            examples=examples, metrics={"m": Estimate(value=value, error=error, freedom=degrees)}
        )

    for lost in (4.0, 4.3, 4.6, 5.0):
        then, now = side(20.0, 0.8, 400, 19), side(20.0 - lost, 1.0, 300, 9)
        now = Evaluated(examples=300, metrics={}, baseline=now.metrics)
        t = (lost - 2) / math.sqrt(0.8**2 + 1 + (lost - 2) ** 2 / 700)
        welch = int((0.8**2 + 1) ** 2 / (0.8**4 / 19 + 1 / 9))
        assert judged(then, now, metrics=["m"]).passed is not (stats.t.sf(t, welch) < 0.05)
    assert not judged(then, now, metrics=["m"]).passed


def test_lower_may_be_better():
    then = Evaluated(examples=100, metrics={"e": Estimate(value=2.0, error=0.1, freedom=19)})
    for value, passed in ((6.0, False), (0.5, True), (2.1, True)):
        today_ = {"e": Estimate(value=value, error=0.1, freedom=19)}
        now = Evaluated(examples=100, metrics={}, baseline=today_)
        assert judged(then, now, lower=["e"], metrics=["e"]).passed is passed


def test_a_number_that_is_none_any_more_is_a_change():
    then, now = when_blessed(), today()
    broken = {"accuracy": Estimate(value=math.nan)}
    now = Evaluated(examples=now.examples, metrics=now.metrics, baseline=broken)
    assert judged(then, now).passed is False


def test_without_a_record_or_a_common_number_there_is_a_note():
    assert judged(None, today()).passed is None
    assert judged(when_blessed(), today(), metrics=["other"]).passed is None
