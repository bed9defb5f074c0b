"""Agreement over a whole set: against scikit-learn and SciPy, in batches, merged, and as TFMA merges states."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import tensorflow as tf

from perceiver_keras.metrics.agreement import PLACES_MOST, Agreement, Statistic
from perceiver_keras.metrics.columns import of_outputs
from perceiver_keras.metrics.results import results

RANDOM = np.random.default_rng(0)


def rows(labels, predictions, group=0, places=None):
    places = np.arange(len(labels)) if places is None else places
    return np.stack([np.full(len(labels), group), labels, predictions, places], 1).astype("float32")


def classes(count, classes, right=0.6):
    labels = RANDOM.integers(0, classes, count)
    guesses = np.where(RANDOM.random(count) < right, labels, RANDOM.integers(0, classes, count))
    return labels, guesses


def numbers(count, ties):
    labels = RANDOM.random(count).astype("float32") * 5
    guesses = (labels + RANDOM.normal(size=count)).astype("float32")
    return (labels.round(1), guesses.round(1)) if ties else (labels, guesses)


def in_batches(metric, columns, size=37):
    for start in range(0, len(columns), size):
        metric.update_state(None, columns[start : start + size])
    return float(metric.result())


def value_of(kind, columns, **kwargs):
    return in_batches(Agreement([Statistic(kind=kind, **kwargs)], name=kind), columns)


@pytest.mark.parametrize("count", [2, 3])
def test_classes_as_scikit_learn_has_them(count):
    labels, guesses = classes(500, count)
    columns = rows(labels, guesses)
    accuracy = sklearn.metrics.accuracy_score(labels, guesses)
    matthews = sklearn.metrics.matthews_corrcoef(labels, guesses)
    assert value_of("accuracy", columns) == pytest.approx(accuracy, abs=1e-6)
    assert value_of("matthews", columns) == pytest.approx(matthews, abs=1e-6)
    if count == 2:
        expected = sklearn.metrics.f1_score(labels, guesses)
        assert value_of("f1", columns) == pytest.approx(expected, abs=1e-6)


def test_labels_of_any_size_count_where_none_stands_for_no_label():
    labels = RANDOM.normal(-300, 20, 200).astype("float32")
    guesses = (labels + RANDOM.normal(0, 20, 200)).astype("float32")
    columns = rows(labels, guesses)
    expected = scipy.stats.pearsonr(labels, guesses)[0]
    assert value_of("pearson", columns, no_label=None) == pytest.approx(expected, abs=1e-5)
    assert np.isnan(value_of("pearson", columns))  # every label says that there is none


@pytest.mark.parametrize("ties", [False, True])
def test_correlations_as_scipy_has_them(ties):
    labels, guesses = numbers(1500, ties)
    columns = rows(labels, guesses)[RANDOM.permutation(1500)]
    pearson = scipy.stats.pearsonr(labels.astype("float64"), guesses.astype("float64"))[0]
    spearman = scipy.stats.spearmanr(labels, guesses)[0]
    assert value_of("pearson", columns) == pytest.approx(pearson, abs=1e-6)
    assert value_of("spearman", columns) == pytest.approx(spearman, abs=1e-6)
    # And it is not a mean over batches.
    parts = [scipy.stats.spearmanr(labels[i::40], guesses[i::40])[0] for i in range(40)]
    assert abs(np.mean(parts) - spearman) > 1e-4


def test_states_of_parts_add_up_as_tfma_adds_them():
    columns = np.concatenate([rows(*numbers(200, True)), rows(*classes(100, 2), group=1)])
    statistics = [Statistic(kind=kind) for kind in ("pearson", "spearman")]
    statistics.append(Statistic(kind="f1", group=1))
    whole, part = (Agreement(statistics, name="all") for _ in range(2))
    whole.update_state(None, columns)
    total = None
    for start in (0, 100, 200):
        part.reset_state()
        part.update_state(None, columns[start : start + 100])
        state = part.get_weights()
        total = state if total is None else np.add(total, state)
    part.set_weights(total)
    np.testing.assert_allclose(part.result(), whole.result(), rtol=1e-6)
    other = Agreement(statistics, name="all")
    other.merge_state([part])
    np.testing.assert_allclose(other.result(), whole.result(), rtol=1e-6)


def test_what_has_no_label_or_is_of_another_group_does_not_count():
    labels, guesses = classes(200, 2)
    columns = np.concatenate(
        [rows(labels, guesses, group=4), rows(np.full(50, -1), np.ones(50), group=4)]
    )
    columns = np.concatenate([columns, rows(labels, 1 - guesses, group=5)])
    expected = sklearn.metrics.accuracy_score(labels, guesses)
    assert value_of("accuracy", columns, group=4) == pytest.approx(expected, abs=1e-6)


def test_a_mean_is_of_the_statistics_that_have_examples():
    labels, guesses = classes(200, 2)
    accuracy = sklearn.metrics.accuracy_score(labels, guesses)
    columns = np.concatenate([rows(labels, guesses, group=1), rows(labels, labels, group=2)])
    mean = Agreement(
        [
            Statistic(kind="accuracy", group=1),
            Statistic(kind="matthews", group=2, weight=0.5),
            Statistic(kind="pearson", group=3),
        ],
        name="mean",
    )
    assert in_batches(mean, columns) == pytest.approx((accuracy + 0.5) / 1.5, abs=1e-6)


def test_an_example_seen_twice_counts_once_with_its_mean_prediction():
    labels, guesses = numbers(100, False)
    both = np.concatenate([rows(labels, guesses - 1), rows(labels, guesses + 1)])
    expected = scipy.stats.spearmanr(labels, ((guesses - 1) + (guesses + 1)) / 2)[0]
    assert value_of("spearman", both) == pytest.approx(expected, abs=1e-6)


def test_a_place_without_a_slot_makes_no_false_value():
    labels, guesses = numbers(10, False)
    columns = rows(labels, guesses, places=np.arange(10) + PLACES_MOST - 9)
    assert value_of("spearman", columns) == -np.inf
    assert (
        value_of("spearman", rows(labels, guesses, places=np.arange(10) + PLACES_MOST)) == -np.inf
    )


def test_what_is_undefined_is_zero():
    constant = rows(np.arange(4), np.ones(4))
    assert value_of("pearson", constant) == value_of("spearman", constant) == 0
    zeros = rows(np.zeros(4), np.zeros(4))
    assert value_of("f1", zeros) == value_of("matthews", zeros) == 0


@pytest.mark.parametrize("kind", ["accuracy", "f1", "matthews", "pearson", "spearman"])
def test_what_was_not_there_was_not_measured(kind):
    """Neither 0 nor any other value: examples of another group, and none at all."""
    metric = Agreement([Statistic(kind=kind, group=3)], name="m")
    assert not metric.counted and np.isnan(metric.result())
    metric.add(tf.constant(rows(np.arange(4) % 2, np.ones(4))))
    assert not metric.counted and np.isnan(metric.result())
    assert results([metric]) == {}
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    metric.add(tf.constant(rows(labels, labels, group=3)))
    assert metric.counted and results([metric]) == {"m": pytest.approx(1.0)}


def test_a_prediction_that_is_no_number_is_the_worst_and_not_unmeasured():
    labels, guesses = numbers(20, False)
    guesses[3] = np.nan
    assert value_of("pearson", rows(labels, guesses)) == -np.inf
    assert value_of("spearman", rows(labels, guesses)) == -np.inf


def test_it_survives_its_configuration_and_reads_targets_in_training():
    metric = Agreement([Statistic(kind="matthews", group=2, weight=0.5)], name="m")
    again = Agreement.from_config(metric.get_config())
    assert again.statistics == metric.statistics
    labels, guesses = classes(50, 2)

    def columns(targets, outputs):
        return tf.stack([tf.zeros_like(targets), targets, outputs, targets], 1)

    (trained,) = of_outputs([Agreement([Statistic(kind="accuracy")], name="a")], columns)
    trained.update_state(tf.constant(labels), tf.constant(guesses))
    np.testing.assert_allclose(trained.result(), (labels == guesses).mean(), rtol=1e-6)


def test_in_a_graph_and_under_xla():
    columns = rows(*numbers(64, True))
    for jit in (False, True):
        metric = Agreement([Statistic(kind="spearman"), Statistic(kind="accuracy")], name="m")

        @tf.function(jit_compile=jit)
        def update(batch, metric=metric):
            metric.update_state(None, batch)

        update(tf.constant(columns))
        assert np.isfinite(metric.result())
