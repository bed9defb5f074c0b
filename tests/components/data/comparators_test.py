"""Distances against NumPy and SciPy, and by simulation: no false alarms, and shifts that are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from tensorflow_metadata.proto.v0 import statistics_pb2

from perceiver_keras.components.data import comparators, split_statistics
from tests.components import described_data

pytestmark = pytest.mark.tfx
SIZES = [(30, 30), (30, 1250), (270, 1250), (1250, 1250)]
PAIRS = 200


def made(**measures: np.ndarray) -> split_statistics.Statistics:
    """Statistics of one split, from NumPy's quantiles and counts: a thousand times faster than by Beam."""
    dataset = statistics_pb2.DatasetFeatureStatistics(
        num_examples=len(next(iter(measures.values())))
    )
    for name, values in measures.items():
        feature = dataset.features.add()
        feature.path.step.append(name)
        if values.dtype.kind == "U":
            feature.type = statistics_pb2.FeatureNameStatistics.STRING
            names, counts = np.unique(values, return_counts=True)
            common = feature.string_stats.common_stats
            for word, count in zip(names, counts, strict=True):
                feature.string_stats.rank_histogram.buckets.add(label=word, sample_count=count)
                feature.string_stats.top_values.add(value=word, frequency=count)
        else:
            whole = values.dtype.kind == "i"
            feature.type = int(not whole)
            common = feature.num_stats.common_stats
            feature.num_stats.min, feature.num_stats.max = values.min(), values.max()
            edges = np.quantile(values, np.linspace(0, 1, 101), method="inverted_cdf")
            histogram = feature.num_stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
            for low, high in zip(edges, edges[1:], strict=False):
                histogram.buckets.add(
                    low_value=low, high_value=high, sample_count=len(values) / 100
                )
        common.num_non_missing = common.tot_num_values = len(values)
        common.min_num_values = common.max_num_values = 1
    return statistics_pb2.DatasetFeatureStatisticsList(datasets=[dataset])


def drawn(random: np.random.RandomState, size: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    return {
        "normal": random.normal(shift, 1, size),
        "heavy": np.exp(2 * random.normal(shift, 1, size)),  # one value far away in most samples
        "sizes": random.choice([8, 16, 300], size, p=[0.6, 0.35, 0.05]),
        "mostly_zero": np.maximum(random.normal(-1 + shift, 1, size), 0.0),
        "classes": random.choice([f"class {i}" for i in range(10)], size),
    }


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_two_samples_of_one_distribution_pass_even_with_settings_of_zero(n: int, m: int) -> None:
    """The noise floor alone: 5 x 200 comparisons, where one in 100 000 may exceed it."""
    random = np.random.RandomState(n + m)
    exceeded = 0
    for _ in range(PAIRS):
        a, b = made(**drawn(random, n)), made(**drawn(random, m))
        found = comparators.compare("test", a, b, max_drift=0.0, max_class_drift=0.0)
        assert len(found) == 5
        exceeded += sum(item.exceeded for item in found)
    assert exceeded == 0


@pytest.mark.parametrize(
    ("n", "m", "shift"), [(30, 1250, 2.0), (270, 1250, 1.5), (1250, 1250, 1.5)]
)
def test_a_shift_of_numbers_is_found(n: int, m: int, shift: float) -> None:
    random = np.random.RandomState(1)
    for _ in range(20):
        a, b = made(**drawn(random, n, shift)), made(**drawn(random, m))
        found = {item.feature: item for item in comparators.compare("test", a, b, 0.1, 0.1)}
        assert found["normal"].exceeded and found["heavy"].exceeded
        assert not (found["classes"].exceeded or found["sizes"].exceeded)


def test_a_shift_of_classes_is_found_and_named() -> None:
    random = np.random.RandomState(2)
    names = np.array(["ant", "bee", "cow"])
    before = made(label=random.choice(names, 1250, p=[0.5, 0.3, 0.2]))
    now = made(label=random.choice(names, 270, p=[0.2, 0.3, 0.5]))
    (found,) = comparators.compare("test", now, before, 0.1, 0.1)
    assert found.exceeded and found.telling in ("ant", "cow")
    assert found.measure == "l_infinity" and abs(found.value - abs(found.now - found.was)) < 1e-6


def test_tfdv_measures_what_numpy_and_scipy_do() -> None:
    random = np.random.RandomState(3)
    a, b = drawn(random, 400), drawn(random, 900, shift=0.7)
    for item in comparators.compare("test", made(**a), made(**b), 0.1, 0.1):
        p_of, q_of = a[item.feature], b[item.feature]
        if item.measure == comparators.L_INFINITY:
            names = np.union1d(p_of, q_of)
            shares = [np.array([(x == name).mean() for name in names]) for x in (p_of, q_of)]
            assert item.value == pytest.approx(np.abs(shares[0] - shares[1]).max(), abs=1e-6)
        else:
            columns = [split_statistics.columns(made(x=x))["x"] for x in (p_of, q_of)]
            edges = comparators.common_edges(*columns)
            bins = [
                np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1)
                for x in (p_of, q_of)
            ]
            exact = jensenshannon(bins[0] / len(p_of), bins[1] / len(q_of), 2) ** 2
            # Quantiles know a share to a hundredth.
            assert item.value == pytest.approx(exact, abs=0.02)


def test_the_noise_floors_are_the_formulas_of_the_module() -> None:
    spread = 1 / 270 + 1 / 1250
    chi = stats.chi2.isf(1e-5, 9)
    assert comparators.js_noise(270, 1250, 10) == pytest.approx(chi * spread / (8 * math.log(2)))
    assert comparators.js_noise(270, 1250, 1) == 0
    shares = np.array([0.5, 0.3, 0.2])
    z = stats.norm.isf(1e-5 / 6)
    expected = z * math.sqrt(0.25 * spread) + spread / 2
    assert comparators.l_infinity_noise(270, 1250, shares) == pytest.approx(expected)


def test_one_value_far_away_changes_nothing() -> None:
    """TFDV alone would put all other values into one of ten bins of equal width."""
    random = np.random.RandomState(4)
    a, b = random.normal(0, 1, 500), random.normal(0, 1, 500)
    far = np.append(a[:-1], 1e6)
    (found,) = comparators.compare("test", made(x=far), made(x=b), 0.0, 0.0)
    assert not found.exceeded and found.value < 0.03


def test_equal_up_to_rounding_is_equal() -> None:
    a = np.full(100, 0.1, np.float32).astype(np.float64)
    (found,) = comparators.compare("test", made(x=a + 1e-9), made(x=a), 0.0, 0.0)
    assert found.value == 0
    (found,) = comparators.compare("test", made(x=a * 2), made(x=a), 0.1, 0.0)
    assert found.value == pytest.approx(1) and found.exceeded


def test_bins_hold_equal_shares_and_common_values_have_their_own() -> None:
    random = np.random.RandomState(5)
    normal = split_statistics.columns(made(x=random.normal(0, 1, 1000)))["x"]
    edges = comparators.common_edges(normal, normal)
    assert np.allclose(comparators.shares_in(normal, edges), 0.1, atol=0.015)
    few = split_statistics.columns(made(x=random.choice([8, 16], 1000, p=[0.05, 0.95])))["x"]
    assert comparators.common_edges(few, few).tolist() == [8]
    assert comparators.shares_in(few, np.array([8.0])) == pytest.approx([0.05, 0.95], abs=0.02)


def test_the_statistics_of_tfdv_give_the_same_comparison() -> None:
    rows = described_data.splits(0, {"train": 400, "test": 200})
    both = {split: described_data.statistics(found) for split, found in rows.items()}
    by_tfdv = comparators.compare("test", both["test"], both["train"], 0.1, 0.1)
    mine = {
        split: made(**{"image/mean": np.array([row["image/mean"] for row in found])})
        for split, found in rows.items()
    }
    (expected,) = comparators.compare("test", mine["test"], mine["train"], 0.1, 0.1)
    (found,) = [item for item in by_tfdv if item.feature == "image/mean"]
    assert found.value == pytest.approx(expected.value, abs=0.01)
    assert found.limit == pytest.approx(expected.limit)
    assert not any(item.exceeded for item in by_tfdv)


def test_measures_of_another_type_or_that_one_lacks_are_not_compared() -> None:
    a = made(x=np.arange(10), y=np.arange(10.0), z=np.array(["a"] * 10))
    b = made(y=np.array(["a"] * 10), z=np.array(["a"] * 10))
    assert [item.feature for item in comparators.compare("test", a, b, 0.1, 0.1)] == ["z"]
