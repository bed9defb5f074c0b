"""Better than nothing: against exact binomial tails, and which thresholds are refused before training."""

import math

import numpy as np
import pytest
from scipy import stats

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.gate.estimates import Estimate, Evaluated
from perceiver_keras.gate.guess import beats, check_thresholds, checks
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from tests.gate.samples import estimate, evaluated, right

LAST = Estimate(value=1.0, low=1.0, high=1.0, error=0.0, freedom=19)  # all answers right


def clearly(own, guess, examples, lower=False, confidence=0.95):
    return beats(own, guess, examples=examples, lower_is_better=lower, confidence=confidence)


@pytest.mark.parametrize("guess", [0.1, 1 / 3, 0.5, 0.7, 0.9])
def test_all_answers_right_are_no_free_pass(guess):
    """From how many examples on it is believed: never fewer than the exact test asks for."""
    needed = next(n for n in range(1, 200) if clearly(LAST, guess, n))
    exact = math.ceil(math.log(0.05) / math.log(guess))  # guess ** n < 0.05
    assert exact <= needed <= 1.5 * exact + 4
    assert all(clearly(LAST, guess, n) for n in range(needed, 200))


def test_three_right_answers_of_three_are_not_enough():
    for guess in (0.1, 1 / 3, 0.5):
        assert not clearly(LAST, guess, 3)


@pytest.mark.parametrize(("guess", "examples"), [(0.1, 269), (0.221, 600), (0.5, 60), (0.9, 400)])
def test_a_model_that_guesses_is_rarely_taken_for_better(guess, examples):
    """2,000 models that are right with the guess's chance: at most 5 % pass."""
    rng = np.random.default_rng(0)
    passes = 0
    for _ in range(2000):
        own = estimate((rng.random(examples) < guess).astype(float), rng.integers(0, 20, examples))
        passes += clearly(own, guess, examples)
    assert passes / 2000 <= 0.05


@pytest.mark.parametrize(("value", "guess", "examples"), [(0.306, 0.221, 600), (0.97, 0.12, 269)])
def test_a_good_model_passes(value, guess, examples):
    own = evaluated(right(value, examples)).metrics["accuracy"]
    assert clearly(own, guess, examples)
    exact = stats.binomtest(round(value * examples), examples, guess, alternative="greater")
    assert exact.pvalue < 0.05


def test_metrics_that_are_no_shares_go_by_their_own_error():
    own = Estimate(value=24.0, error=0.5, freedom=19)
    assert clearly(own, 22.0, 100) and not clearly(own, 23.5, 100)
    assert clearly(Estimate(value=2.0, error=0.1, freedom=19), 3.0, 100, lower=True)
    assert not clearly(Estimate(value=3.1, error=0.1, freedom=19), 3.0, 100, lower=True)
    # Without any error, five examples must all agree; without a known one, nothing is believed.
    exact = Estimate(value=24.0, error=0.0, freedom=19)
    assert [clearly(exact, 22.0, n) for n in (1, 2, 4, 5)] == [False, False, False, True]
    assert not clearly(Estimate(value=24.0), 22.0, 1000)


def test_what_is_not_finite_beats_nothing():
    for value in (math.nan, math.inf):
        assert not clearly(Estimate(value=value, error=0.1, freedom=19), 0.1, 100)


def judged(found, trivial, metrics, lower=()):
    made = checks(found, trivial, metrics=metrics, lower_is_better=lower, confidence=0.95)
    return {check.name: check for check in made}


def test_each_metric_with_a_threshold_must_beat_its_guess():
    found = evaluated({"accuracy": right(0.8, 200), "other": right(0.5, 200)})
    made = judged(found, {"accuracy": 0.1, "other": 0.5}, ["accuracy", "other"])
    assert made["trivial guess accuracy"].passed is True
    assert "0.8 (" in made["trivial guess accuracy"].text
    assert made["trivial guess other"].passed is False
    assert "not better than the guess" in made["trivial guess other"].text
    chance = judged(evaluated(right(0.53, 200)), {"accuracy": 0.5}, ["accuracy"])
    assert (
        "on 200 test examples that is no more than chance" in chance["trivial guess accuracy"].text
    )


def test_a_threshold_of_another_metric_is_no_way_around():
    """Nothing is known of a trivial cross-entropy; the accuracy that was measured must beat its own guess."""
    found = evaluated({"accuracy": right(0.1, 200), "cross_entropy": np.full(200, 0.7)})
    made = judged(found, {"accuracy": 0.12}, ["cross_entropy"], lower=["cross_entropy"])
    assert [check.passed for check in made.values()] == [False]
    better = evaluated({"accuracy": right(0.9, 200), "cross_entropy": np.full(200, 0.7)})
    assert judged(better, {"accuracy": 0.12}, ["cross_entropy"])["trivial guess accuracy"].passed


def test_without_a_guess_there_is_a_note_and_without_a_number_a_refusal():
    found = evaluated(right(0.9, 50))
    assert judged(found, {}, ["accuracy"])["trivial guess"].passed is None
    assert judged(found, {"accuracy": math.nan}, ["accuracy"])["trivial guess"].passed is None
    nothing = Evaluated(examples=50, metrics={})
    assert (
        judged(nothing, {"accuracy": 0.1}, ["accuracy"])["trivial guess accuracy"].passed is False
    )


def test_a_threshold_below_the_guess_is_refused_before_training():
    with pytest.raises(UsageError) as told:
        check_thresholds({"accuracy": 0.1}, {"accuracy": 0.221}, examples=600, lower_is_better=())
    assert str(told.value) == (
        "evaluate.thresholds.accuracy is 0.1, but the trivial guess reaches 0.221 on the 600 examples of the test "
        "split, so any model would pass; set it higher, e.g. --set evaluate.thresholds.accuracy=0.299."
    )
    with pytest.raises(UsageError, match="set it lower, e.g. --set evaluate.thresholds.epe=0.9"):
        check_thresholds({"epe": 1.3}, {"epe": 1.0}, examples=64, lower_is_better=["epe"])


@pytest.mark.parametrize(
    ("thresholds", "trivial", "lower"),
    [
        ({"accuracy": 0.25}, {"accuracy": 0.221}, ()),
        ({"accuracy": 0.2208}, {"accuracy": 0.2213}, ()),  # rounded
        ({"epe": 1.0}, {"epe": 1.0}, ["epe"]),  # own data sets it so
        ({"epe": 0.5}, {"epe": 1.0}, ["epe"]),
        ({"psnr": 13.2}, {"psnr": 13.21}, ()),
        ({"accuracy@label": 0.0, "accuracy@label=7": 0.01}, {"accuracy": 0.2}, ()),  # slices
        ({"accuracy": 0.1}, {"accuracy": math.nan}, ()),
        ({"other": 0.1}, {"accuracy": 0.9}, ()),
    ],
)
def test_other_thresholds_are_fine(thresholds, trivial, lower):
    check_thresholds(thresholds, trivial, examples=600, lower_is_better=lower)


def test_thresholds_found_in_other_examples_have_more_room():
    loose = {"examples": 40, "lower_is_better": (), "sampled": True}
    check_thresholds({"accuracy": 0.125}, {"accuracy": 0.2}, **loose)
    check_thresholds({"psnr": 12.0}, {"psnr": 14.5}, **loose)
    for thresholds, trivial in (
        ({"accuracy": 0.01}, {"accuracy": 0.5}),
        ({"psnr": 5.0}, {"psnr": 14.5}),
    ):
        with pytest.raises(UsageError, match="any model would pass"):
            check_thresholds(thresholds, trivial, **loose)


@pytest.mark.parametrize("sampled", [False, True])
def test_a_test_split_of_one_class_cannot_judge(sampled):
    """Naming its class is always right, so no threshold is above the guess and no model can beat it."""
    for bound in (0.97, 1.0):
        with pytest.raises(UsageError, match="reaches 1 on the 100 .*as if all were of one class"):
            check_thresholds(
                {"accuracy": bound},
                {"accuracy": 1.0},
                examples=100,
                lower_is_better=(),
                sampled=sampled,
            )
    with pytest.raises(UsageError, match="reaches 0 on"):  # no pair moves by 3 pixels
        check_thresholds({"fl": 0.1}, {"fl": 0.0}, examples=64, lower_is_better=["fl"])
    check_thresholds({"epe": 0.5}, {"epe": 1.0}, examples=64, lower_is_better=["epe"])
    check_thresholds({"f1": 0.5}, {"f1": 0.0}, examples=64, lower_is_better=())
    assert not clearly(LAST, 1.0, 100)


# Optical flow's guess is 1 by definition, so nothing needs to be rendered to know it.
EMBEDDED = [
    *((name, "tiny") for name in registry.names() if name != "optical_flow"),
    ("language_mlm", "tiny_sentencepiece"),
]


@pytest.mark.parametrize(("task", "preset"), EMBEDDED)
def test_the_presets_of_the_embedded_data_ask_for_more_than_a_guess(task, preset):
    """tiny_sentencepiece once asked for 0.1, where naming the commonest piece gives 0.23."""
    task = registry.get(task)
    most = 3200 if task.name == "glue" else 400  # of eight tasks, 400 would be 50 each
    config = override(task.preset(preset).config, f"data.max_examples={most}")
    thresholds = config.evaluate.thresholds
    batches = TaskData(task, config).eval_batches(config.data.test_split)
    trivial = task.measures.baseline(batches, config)
    assert thresholds.keys() <= trivial.keys()
    lower = task.measures.lower_is_better
    check_thresholds(thresholds, trivial, examples=most, lower_is_better=lower)
    for name, bound in thresholds.items():
        room = trivial[name] - bound if name in lower else bound - trivial[name]
        assert room > 0.01, name
