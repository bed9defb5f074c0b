"""Student's t against SciPy's, and Holm's correction against its definition and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perceiver_keras.gate.student import NORMAL_FROM, holm, quantile, tail

FREEDOMS = st.integers(1, NORMAL_FROM - 1)


@given(t=st.floats(-50, 50), freedom=FREEDOMS)
def test_the_tail_is_scipys(t, freedom):
    assert tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), abs=1e-12)


@given(confidence=st.floats(0.5, 0.9999), freedom=FREEDOMS)
def test_the_quantile_is_scipys(confidence, freedom):
    wanted = stats.t.ppf(confidence, freedom)
    assert quantile(confidence, freedom) == pytest.approx(wanted, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("freedom", [NORMAL_FROM, 10 * NORMAL_FROM])
def test_with_many_degrees_of_freedom_t_is_normal(freedom):
    for t in (-1.0, 0.0, 1.645, 3.0):
        assert tail(t, freedom) == pytest.approx(stats.norm.sf(t), abs=1e-12)
        assert tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), abs=2e-4)


def test_what_has_no_meaning_is_refused():
    assert tail(float("inf"), 3) == 0 and tail(-float("inf"), 3) == 1
    with pytest.raises(ValueError, match="freedom is 0"):
        tail(1.0, 0)
    with pytest.raises(ValueError, match="confidence is 1"):
        quantile(1.0, 3)


def test_holm_on_a_worked_example():
    """By hand: 0.005 < 0.05 / 4, 0.01 < 0.05 / 3, but 0.03 > 0.05 / 2, so 0.04 is not looked at."""
    assert holm([0.01, 0.04, 0.03, 0.005], 0.95) == [True, False, False, True]
    assert holm([], 0.95) == [] and holm([1.0], 0.95) == [False]
    assert holm([float("nan")], 0.95) == [False]


def test_holm_holds_its_level_over_many_tests():
    """Uniform p values: true hypotheses. In 4,000 families of 10, some is rejected in at most 5 % of them."""
    families = np.random.default_rng(0).random([4000, 10])
    share = np.mean([any(holm(list(family), 0.95)) for family in families])
    assert 0.04 < share < 0.06
