"""The whole gate on made-up models: what it refuses and why, and how often it errs."""

import math

import numpy as np
import pytest

from perceiver_keras.config import EvaluateConfig
from perceiver_keras.gate import rules
from perceiver_keras.gate.estimates import Estimate, Evaluated
from tests.gate.samples import evaluated, right

GUESS = {"accuracy": 0.12}
CLASSES = 10


def settings(**changes):
    return EvaluateConfig(**{"thresholds": {"accuracy": 0.9}} | changes)


def judge(found, config=None, **kwargs):
    kwargs = {"trivial": GUESS, "lower_is_better": (), "serving": {"cause": None}} | kwargs
    checks = rules.judge(found, config or settings(), **kwargs)
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    return {check.name: check for check in checks}, rules.passed(checks)


def refusals(checks):
    return {name for name, check in checks.items() if check.passed is False}


def labels(per_class):
    return np.repeat(np.arange(CLASSES), per_class).astype(str)


# === The first model ===


def test_a_good_first_model_is_blessed():
    checks, blessed = judge(evaluated(right(0.97, 270), labels=labels(27)))
    assert blessed and refusals(checks) == set()
    assert set(checks) == {
        "finite numbers",
        "threshold accuracy",
        "trivial guess accuracy",
        "last blessed",
        "serving",
    }
    assert checks["last blessed"].passed is None


def test_a_missed_threshold_says_value_and_bound():
    checks, blessed = judge(evaluated(right(0.75, 200)))
    assert not blessed and refusals(checks) == {"threshold accuracy"}
    assert checks["threshold accuracy"].text == (
        "accuracy is 0.75; evaluate.thresholds.accuracy asks for at least 0.9."
    )


def test_where_lower_is_better_the_bound_is_above():
    config = settings(thresholds={"epe": 0.5})
    guess = {"trivial": {"epe": 1.0}, "lower_is_better": ["epe"]}
    values = np.random.default_rng(0).random(100)
    assert judge(evaluated({"epe": 0.8 * values}), config, **guess)[1]
    checks, blessed = judge(evaluated({"epe": 1.2 * values}), config, **guess)
    assert not blessed and "asks for at most 0.5" in checks["threshold epe"].text


def test_a_sum_that_was_rounded_reaches_its_threshold():
    found = Evaluated(
        examples=500,
        metrics={"accuracy": Estimate(value=0.9 - 1e-12, error=0.01, freedom=19)},
    )
    assert judge(found)[1]


def test_thresholds_of_one_slice_and_of_the_worst():
    answers = right(1.0, 270)
    answers[:9] = 0  # a third of class 0
    found = evaluated(answers, labels=labels(27))
    thresholds = {"accuracy": 0.9, "accuracy@label=1": 0.9, "accuracy@label": 0.8}
    checks, blessed = judge(found, settings(thresholds=thresholds))
    assert not blessed and refusals(checks) == {"threshold accuracy@label"}
    assert checks["threshold accuracy@label"].text == (
        "accuracy@label=0, the worst slice, is 0.6667; evaluate.thresholds.accuracy@label asks for at least 0.8."
    )
    for key, told in (
        ("accuracy@label=x", "no examples with label=x"),
        ("accuracy@size", "no examples with size"),
        ("f1", "f1 was not measured"),
    ):
        checks, blessed = judge(found, settings(thresholds={"accuracy": 0.9, key: 0.5}))
        assert not blessed and told in checks[f"threshold {key}"].text


def test_close_to_its_threshold_a_note_says_that_nobody_can_tell():
    checks, blessed = judge(evaluated(right(0.91, 100)))
    assert blessed and checks["test split"].passed is None
    assert "too small to tell" in checks["test split"].text
    assert "on 100 examples, the threshold 0.9" in checks["test split"].text
    checks, blessed = judge(evaluated(right(0.89, 100)))
    assert not blessed and checks["test split"].passed is None
    assert "test split" not in judge(evaluated(right(0.99, 1000)))[0]


def test_all_right_on_three_examples_is_not_blessed():
    checks, blessed = judge(evaluated(np.ones(3)))
    assert not blessed and refusals(checks) == {"trivial guess accuracy"}
    assert "too small to tell" in checks["test split"].text


def test_no_better_than_a_guess_whatever_the_threshold():
    checks, blessed = judge(evaluated(right(0.12, 300)), settings(thresholds={"accuracy": 0.0}))
    assert not blessed and refusals(checks) == {"trivial guess accuracy"}


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused_even_if_nobody_asked_for_it(value):
    answers = {"accuracy": right(0.97, 270), "cross_entropy": np.full(270, value)}
    checks, blessed = judge(evaluated(answers))
    assert not blessed and "finite numbers" in refusals(checks)
    assert f"cross_entropy is {value}" in checks["finite numbers"].text


def test_an_empty_test_split_or_no_check_at_all_blesses_nothing():
    assert not judge(Evaluated(examples=0, metrics={}))[1]
    assert not rules.passed([])


# === The last blessed model ===


def compared(after, last, per_class=27, seed=0, config=None, **kwargs):
    found = evaluated(after, last, labels=labels(per_class), seed=seed)
    return judge(found, config or settings(), has_baseline=True, **kwargs)


def test_a_worse_model_is_refused_with_difference_interval_and_what_could_be_seen():
    checks, blessed = compared(right(0.91, 2700, 1), right(0.97, 2700, 2), per_class=270)
    assert not blessed and "last blessed accuracy" in refusals(checks)
    told = checks["last blessed accuracy"].text
    assert told.startswith(
        "accuracy is worse than the last blessed model's by more than evaluate.allowed_drop = 0 and chance, at 0.99 "
        "confidence. accuracy is 0.91, the last blessed model's is 0.97 on the same 2,700 examples: -0.06 (-0.0"
    )
    assert "The smallest loss that 2,700 examples can show is 0.0" in told


def test_a_little_worse_may_be_chance():
    """Two answers of 270: the gate before this one refused it, and half of all equal models."""
    after, before = right(0.97, 270, 1), right(0.97, 270, 1)
    after[np.flatnonzero(after)[:2]] = 0
    checks, blessed = compared(after, before)
    assert blessed and checks["last blessed accuracy"].passed


def test_an_allowed_drop_is_allowed():
    after, before = right(0.91, 2700, 1), right(0.97, 2700, 2)
    config = settings(allowed_drop=0.06)
    assert compared(after, before, per_class=270, config=config)[1]


def test_a_baseline_without_numbers_is_no_reason_to_pass():
    checks, blessed = judge(evaluated(right(0.97, 270)), has_baseline=True)
    assert not blessed and refusals(checks) == {"last blessed"}


def test_a_metric_that_one_of_both_lacks():
    new = evaluated(
        {"accuracy": right(0.97, 270), "f1": right(0.9, 270)}, {"accuracy": right(0.97, 270)}
    )
    config = settings(thresholds={"accuracy": 0.9, "f1": 0.5})
    checks, blessed = judge(new, config, has_baseline=True)
    assert blessed and checks["last blessed f1"].passed is None
    one = evaluated(right(0.97, 270), right(0.97, 270))
    lost = Evaluated(examples=270, metrics={}, baseline=one.baseline, difference={})
    checks, blessed = judge(lost, has_baseline=True)
    assert not blessed and "last blessed accuracy" in refusals(checks)


def two_seeds(rng, per_class, accuracy, disagreement):
    """Answers of two equally good models, which differ on some examples."""
    draw = rng.random(CLASSES * per_class)
    both = accuracy - disagreement / 2
    first = draw < both + disagreement / 2
    second = (draw < both) | ((draw >= both + disagreement / 2) & (draw < both + disagreement))
    return first.astype(float), second.astype(float)


@pytest.mark.parametrize(
    ("per_class", "accuracy", "disagreement"),
    [(27, 0.97, 0.03), (200, 0.97, 0.03), (200, 0.7, 0.3)],
)
def test_equal_models_with_other_seeds_are_rarely_refused(per_class, accuracy, disagreement):
    """At confidence 0.95, each rule errs in at most about 5 % of 200 pairs; at 0.99 in about 1 %."""
    rng = np.random.default_rng(1)
    pairs = [two_seeds(rng, per_class, accuracy, disagreement) for _ in range(200)]
    for confidence, most in ((0.95, 0.07), (0.99, 0.02)):
        config = settings(thresholds={"accuracy": 0.01}, confidence=confidence)
        refused = [
            refusals(compared(*pair, per_class, seed, config)[0]) for seed, pair in enumerate(pairs)
        ]
        assert np.mean(["last blessed accuracy" in names for names in refused]) <= most
        assert np.mean(["slices" in names for names in refused]) <= most


def one_class_worse(rng, per_class, drop):
    """Class 0 falls by `drop` from 0.95; the others rise by 2.5 points, and so does the mean."""
    before = rng.random(CLASSES * per_class) < 0.95
    after = before | (rng.random(len(before)) < 0.5)
    lost = rng.random(per_class) < drop / 0.95
    after[:per_class] = before[:per_class] & ~lost
    return after.astype(float), before.astype(float)


@pytest.mark.parametrize(("per_class", "drop"), [(250, 0.1), (27, 0.65)])
def test_a_slice_that_fell_is_caught_although_the_mean_rose(per_class, drop):
    """Ten points need some 200 examples per slice; with 27 it takes a fall by more than half."""
    rng = np.random.default_rng(2)
    caught = 0
    for seed in range(100):
        after, before = one_class_worse(rng, per_class, drop)
        checks, _ = compared(after, before, per_class, seed)
        caught += "slices" in refusals(checks) and "accuracy@label=0 is" in checks["slices"].text
        assert checks["last blessed accuracy"].passed or drop > 0.1
    assert caught >= 90


def test_ten_points_of_27_examples_are_not_told_from_chance():
    rng = np.random.default_rng(3)
    for seed in range(50):
        checks, _ = compared(*one_class_worse(rng, 27, 0.1), 27, seed)
        assert checks["slices"].passed


def test_swapped_classes_in_the_new_data_are_seen_by_the_last_model():
    then = evaluated(right(0.97, 270), labels=labels(27))
    before = right(0.97, 270, 1)
    before[81:108] = 0  # class 3
    checks, blessed = compared(right(0.97, 270, 1), before, before=then)
    assert not blessed and refusals(checks) == {"same data"}
    assert "accuracy@label=3 was" in checks["same data"].text


# === Serving, and the numbers of the verdict ===


def test_a_model_that_does_not_serve_is_refused_with_its_cause():
    found = evaluated(right(0.97, 270))
    checks, blessed = judge(found, serving={"cause": "it lacks the signature evaluate"})
    assert not blessed and refusals(checks) == {"serving"}
    assert checks["serving"].text == "It does not serve: it lacks the signature evaluate"


def test_what_was_measured_of_serving_is_told_with_its_bounds():
    serving = {
        "cause": None,
        "load_seconds": 1.5,
        "size_bytes": 3 << 20,
        "peak_memory_bytes": 400 << 20,
        "slowdown": 1.25,
        "latency": {"requests": [{"examples": 1, "p95_ms": 12.5}, {"examples": 8, "p95_ms": 40.0}]},
    }
    config = settings(max_latency_ms=50.0, max_size_mb=10.0)
    told = judge(evaluated(right(0.97, 270)), config, serving=serving)[0]["serving"].text
    assert told == (
        "It serves: latency (95 % of requests) 12.5 of at most 50 ms, loading 1.5 s, size 3 of at most 10 MiB, "
        "memory 400 MiB, its latency is 1.25 of at most 3 times the last blessed model's."
    )
    assert judge(evaluated(right(0.97, 270)))[0]["serving"].text == "It serves."
    assert "serving" not in judge(evaluated(right(0.97, 270)), serving=None)[0]


def test_the_smallest_difference_is_what_a_refusal_needs():
    after, before = right(0.95, 2700, 1), right(0.97, 2700, 2)
    found = evaluated(after, before, labels=labels(270))
    (smallest,) = rules.smallest_differences(found, settings()).values()
    measured = found.difference["accuracy"]
    refused = judge(found, has_baseline=True)[0]["last blessed accuracy"].passed is False
    assert refused == (-measured.value > smallest)
    assert rules.smallest_differences(evaluated(np.ones(3)), settings()) == {}


@pytest.mark.parametrize(
    ("compared", "examples", "passed"),
    [(200, 270, True), (100, 270, True), (99, 270, None), (12, 270, None), (60, 60, True)],
)
def test_how_many_examples_serving_and_training_were_compared_on_is_told(
    compared, examples, passed
):
    serving = {"cause": None, "skew": {"examples": compared, "stage": None}}
    checks, blessed = judge(evaluated(right(0.97, examples)), serving=serving)
    assert blessed and checks[rules.ALIKE].passed is passed
    assert f"on {compared} of {examples} test examples" in checks[rules.ALIKE].text
    differs = {"cause": "they part", "skew": {"examples": 1, "stage": "model"}}
    for without in ({"cause": None, "skew": None}, {"cause": None}, differs):
        assert rules.ALIKE not in judge(evaluated(right(0.97, examples)), serving=without)[0]
