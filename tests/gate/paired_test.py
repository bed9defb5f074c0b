"""The paired test: against the formula, McNemar's exact test, and how often it errs between equally good models."""

import math

import numpy as np
import pytest
from scipy import stats

from perceiver_keras.gate.estimates import Estimate, Evaluated
from perceiver_keras.gate.paired import freedom, is_share, loss, smallest_loss, step_of
from tests.gate.samples import evaluated


def of(value, baseline, error, examples, degrees=19):
    return Evaluated(
        examples=examples,
        metrics={"m": Estimate(value=value, error=error, freedom=degrees)},
        baseline={"m": Estimate(value=baseline, error=error, freedom=degrees)},
        difference={"m": Estimate(value=value - baseline, error=error, freedom=degrees)},
    )


def test_p_is_that_of_the_formula():
    """For a metric that is not a share: t = L / sqrt(e^2 + L^2 / n)."""
    found = loss(of(20.0, 21.0, 0.4, 100), "m", lower_is_better=False)
    t = 1.0 / math.sqrt(0.4**2 + 1.0 / 100)
    assert found.value == pytest.approx(1.0) and found.p == pytest.approx(stats.t.sf(t, 19))
    allowed = loss(of(20.0, 21.0, 0.4, 100), "m", lower_is_better=False, allowed=0.3)
    t = 0.7 / math.sqrt(0.4**2 + 0.7**2 / 100)
    assert allowed.p == pytest.approx(stats.t.sf(t, 19))


def test_lower_may_be_better():
    worse = loss(of(21.0, 20.0, 0.4, 100), "m", lower_is_better=True)
    same = loss(of(20.0, 21.0, 0.4, 100), "m", lower_is_better=False)
    assert worse.p == same.p and worse.value == same.value == 1.0
    assert loss(of(20.0, 21.0, 0.4, 100), "m", lower_is_better=True).p == 1.0


def test_a_better_or_equal_model_is_never_in_doubt():
    assert loss(of(0.95, 0.95, 0.0, 300), "m", lower_is_better=False).p == 1.0
    assert loss(of(0.97, 0.95, 0.001, 300), "m", lower_is_better=False).p == 1.0


@pytest.mark.parametrize("examples", [2, 3, 4, 5, 10])
def test_a_few_examples_that_all_got_worse_are_as_likely_as_coins(examples):
    """The difference has no error at all: all answers of one model are right, and none of the other's."""
    found = loss(of(0.0, 1.0, 0.0, examples), "m", lower_is_better=False)
    assert found.p > 0.9 * 0.5**examples  # the exact probability
    assert (found.p < 0.05) == (examples >= 5)
    other = loss(of(20.0, 21.0, 0.0, examples), "m", lower_is_better=False)  # no share
    assert (other.p < 0.05) == (examples >= 5)


def test_p_of_a_share_is_that_of_the_formula():
    """t = (L - 1 / n) / sqrt(e^2 + L^2 / n), with Satterthwaite's degrees of freedom."""
    found = loss(of(0.5, 0.9, 0.1, 27), "m", lower_is_better=False)
    known = 0.4**2 / 27
    t = (0.4 - 1 / 27) / math.sqrt(0.1**2 + known)
    degrees = int(19 * (0.1**2 + known) ** 2 / 0.1**4)
    assert found.p == pytest.approx(stats.t.sf(t, degrees))


def test_one_example_has_no_error():
    assert loss(of(0.0, 1.0, 0.0, 1), "m", lower_is_better=False) is None
    assert freedom(Estimate(value=1.0, freedom=19), 1) is None
    assert freedom(Estimate(value=1.0, freedom=19), 5) == 4
    assert freedom(Estimate(value=1.0), 5) == 4


def test_what_was_not_measured_is_not_compared():
    whole = of(0.9, 0.8, 0.1, 10)
    assert loss(whole, "other", lower_is_better=False) is None
    assert loss(Evaluated(examples=10, metrics=whole.metrics), "m", lower_is_better=False) is None


@pytest.mark.parametrize(("worse", "better"), [(3, 0), (6, 1), (9, 2), (14, 6), (30, 10), (25, 25)])
def test_it_is_not_more_easily_sure_than_mcnemars_exact_test(worse, better):
    """On 300 examples of which `worse` got wrong and `better` got right."""
    before, after = np.ones(300), np.ones(300)
    after[:worse], before[worse : worse + better] = 0, 0
    exact = stats.binomtest(worse, worse + better, alternative="greater").pvalue
    ours = [
        loss(evaluated(after, before, seed=seed), "accuracy", lower_is_better=False).p
        for seed in range(200)
    ]
    assert np.median(ours) > 0.8 * exact - 0.002
    assert np.median(ours) < 3 * exact + 0.02


def test_the_smallest_loss_is_just_refused():
    for error, examples in ((0.02, 300), (0.0, 300), (0.05, 27)):
        part = of(0.9, 0.95, error, examples)
        smallest = smallest_loss(part, "m", confidence=0.95, allowed=0.01)
        above, below = (
            loss(of(0.95 - x, 0.95, error, examples), "m", lower_is_better=False, allowed=0.01)
            for x in (smallest + 1e-6, smallest - 1e-6)
        )
        assert above.p < 0.05 < below.p


def test_a_split_may_be_too_small_to_show_any_loss():
    assert smallest_loss(of(1.0, 1.0, 0.0, 3), "m", confidence=0.95) is None
    assert smallest_loss(of(1.0, 1.0, 0.0, 1), "m", confidence=0.95) is None
    assert smallest_loss(of(1.0, 1.0, 0.0, 30), "other", confidence=0.95) is None


def test_without_a_last_model_the_smallest_loss_is_that_of_two_independent_ones():
    part = of(20.0, 21.0, 0.4, 10_000, degrees=19)
    alone = Evaluated(examples=part.examples, metrics=part.metrics)
    wanted = stats.t.ppf(0.95, 19) * math.sqrt(2) * 0.4
    assert smallest_loss(alone, "m", confidence=0.95) == pytest.approx(wanted, rel=1e-3)


def test_shares_have_steps():
    assert is_share(0.0, 1.0, 0.5) and not is_share(0.5, 1.1) and not is_share(float("nan"))
    assert step_of(50, 0.3) == 0.02 and step_of(50, 20.0) == 0.0
