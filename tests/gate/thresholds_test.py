"""Which part of the split a threshold is for, and which thresholds could never be judged."""

from __future__ import annotations

import math

import pytest

from perceiver_keras.data.described.buckets import bucket_names, parse_slices
from perceiver_keras.errors import UsageError
from perceiver_keras.gate import thresholds
from perceiver_keras.gate.estimates import Estimate, Evaluated
from perceiver_keras.gate.thresholds import Threshold, check, parse, selecting, with_slices

KINDS = {"label": "label", "text": "text", "flow": "flow"}
# The buckets of text/words where the user names no edges.
OWN = bucket_names(parse_slices(["text/words"], KINDS)[0].edges)
METRICS = ["accuracy", "cross_entropy"]


def part(name: str, **values: float) -> Evaluated:
    metrics = {key: Estimate(value=value) for key, value in values.items()}
    return Evaluated(examples=5, metrics=metrics, slice=name)


WHOLE = Evaluated(
    examples=20,
    metrics={"accuracy": Estimate(value=0.7)},
    slices=(
        part("label=a", accuracy=0.9),
        part("label=b", accuracy=0.5),
        part("label=c"),
        part("text/words=..10", accuracy=0.1),
    ),
)


def test_a_key_names_the_metric_the_feature_and_the_value() -> None:
    found = parse(
        {
            "accuracy": 0.5,
            "accuracy@label=7": 0.9,
            "accuracy@label": 0.8,
            "accuracy@text/words=10..100": 0.7,
            "accuracy@label=a@b=c": 0.6,
        }
    )
    assert [(t.metric, t.feature, t.value, t.bound) for t in found] == [
        ("accuracy", "", "", 0.5),
        ("accuracy", "label", "7", 0.9),
        ("accuracy", "label", "", 0.8),
        ("accuracy", "text/words", "10..100", 0.7),
        ("accuracy", "label", "a@b=c", 0.6),
    ]


@pytest.mark.parametrize("key", ["@label=7", "accuracy@", "accuracy@=7", "accuracy@label="])
def test_half_a_key_says_how_to_write_it(key: str) -> None:
    with pytest.raises(UsageError, match=r"e\.g\. accuracy@label=7"):
        parse({key: 0.5})


@pytest.mark.parametrize(
    "key, parts, worst",
    [
        ("accuracy", [""], ""),
        ("accuracy@label=a", ["label=a"], "label=a"),
        ("accuracy@label", ["label=a", "label=b", "label=c"], "label=b"),
        ("accuracy@label=d", [], None),  # no example is of that class
        ("accuracy@label=c", ["label=c"], None),  # nothing was counted
        ("accuracy@text/words", ["text/words=..10"], "text/words=..10"),
    ],
)
def test_it_is_for_all_examples_one_slice_or_each(key, parts, worst) -> None:
    (threshold,) = parse({key: 0.8})
    assert [one.slice for one in threshold.parts(WHOLE)] == parts
    found = threshold.worst(WHOLE, lower_is_better=False)
    assert (found and found.slice) == worst


def test_the_worst_is_the_largest_where_lower_is_better_and_nan_is_worse_than_all() -> None:
    each = Threshold(key="", bound=1.0, metric="m", feature="label")
    parts = [part("label=a", m=1.0), part("label=b", m=2.0)]
    assert each.worst(Evaluated(examples=2, metrics={}, slices=parts), True).slice == "label=b"
    assert each.worst(Evaluated(examples=2, metrics={}, slices=parts), False).slice == "label=a"
    parts.append(part("label=c", m=math.nan))
    for lower in (True, False):
        assert each.worst(Evaluated(examples=3, metrics={}, slices=parts), lower).slice == "label=c"


def test_the_best_of_several_models_is_selected_by_the_first_threshold_that_is_measured() -> None:
    assert selecting({"calibration_error": 0.1, "accuracy@label": 0.5}, METRICS) == "accuracy"
    assert selecting({"f1": 0.5}, METRICS) == selecting({}, METRICS) == "loss"


@pytest.mark.parametrize(
    "keys, slices, added",
    [
        (["accuracy"], ["label"], []),
        (["accuracy@label=a", "accuracy@label"], ["label"], []),
        (["accuracy@label=a"], [], ["label"]),
        ([f"accuracy@text/words={OWN[1]}"], [], ["text/words"]),
        (["accuracy@text/words"], ["label"], ["text/words"]),
        (["accuracy@text/words=7..9"], [], ["text/words:7,9"]),
        (["accuracy@text/words=..7", "accuracy@text/words=9.5.."], [], ["text/words:7,9.5"]),
        (["accuracy@text/words=10..100"], ["text/words:10,100"], []),
        (["accuracy@flow/right=0..1"], [], ["flow/right:0,1"]),  # it has no edges of its own
    ],
)
def test_a_threshold_on_a_slice_adds_that_slice(keys, slices, added) -> None:
    wanted = dict.fromkeys(keys, 0.5)
    assert with_slices(slices, wanted, KINDS) == (*slices, *added)
    check(wanted, METRICS, slices, KINDS)


@pytest.mark.parametrize(
    "key, message",
    [
        ("acuracy", "thresholds.acuracy: no such metric. Did you mean 'accuracy'?"),
        ("acuracy@label=7", "thresholds.acuracy@label=7: no such metric. Did you mean 'accuracy'?"),
        ("f1", "Choose one of: accuracy, cross_entropy."),
        ("accuracy@label=caat", "no such slice 'label=caat'. Did you mean 'label=cat'?"),
        (
            "accuracy@text/wrods=1..2",
            "thresholds.accuracy@text/wrods=1..2: .*Did you mean 'text/words'?",
        ),
        (
            "accuracy@text/bytes=5..64",
            "no such slice 'text/bytes=5..64'. Did you mean 'text/bytes=",
        ),
        ("accuracy@text/words=9..2", "no such slice 'text/words=9..2'. Did you mean 'text/words="),
        ("accuracy@text/words=many", "no such slice 'text/words=many'"),
        ("accuracy@flow/right", "needs edges"),
    ],
)
def test_what_could_never_be_judged_is_refused_with_what_was_meant(key, message) -> None:
    with pytest.raises(UsageError, match=message):
        check({key: 0.5}, METRICS, ["label", "text/bytes"], KINDS, ["cat", "dog"])


def test_classes_are_checked_only_if_they_are_known() -> None:
    check({"accuracy@label=7": 0.5}, METRICS, ["label"], KINDS)
    with pytest.raises(UsageError, match="no such slice 'label=7'"):
        check({"accuracy@label=7": 0.5}, METRICS, ["label"], KINDS, ["a", "b"])


def test_keys_are_read_without_any_kinds() -> None:
    check({"accuracy": 0.5}, METRICS)
    with pytest.raises(UsageError, match="thresholds.accuracy@label=7: 'label' names nothing"):
        check({"accuracy@label=7": 0.5}, METRICS)
    assert thresholds.parse({}) == []


SHARES = {"accuracy": (0.0, 1.0), "cross_entropy": (0.0, math.inf)}
DIGITS = [str(n) for n in range(10)]


def bounded(key, bound, names=DIGITS):
    check({key: bound}, METRICS, ["label"], KINDS, names, SHARES)


@pytest.mark.parametrize(
    "key, bound, message",
    [
        ("accuracy", 95, r"accuracy is 95, and accuracy lies from 0 to 1, .*accuracy=0.95\."),
        ("accuracy", 1.5, r"accuracy=0.9\."),
        ("accuracy", -0.5, r"accuracy=0.9\."),
        ("cross_entropy", -1, r"lies from 0 to inf, .*cross_entropy=1\."),
        ("accuracy@label=7", 9, r"accuracy@label=7=0.9\."),
        ("accuracy@label", 7, r"the bound for each slice of label.*--set .*accuracy@label=7=0.9\."),
        ("accuracy@label", 77, r"accuracy@label=0=0.9\."),  # no such class
        ("accuracy@label", 1, r"accuracy@label=1=0.9\."),  # a class, and a bound for perfect models
        ("accuracy@text/words", 7, r"accuracy@text/words=..[0-9]+=0.9"),
    ],
)
def test_a_bound_that_no_value_is_near_is_refused_with_one_that_is(key, bound, message) -> None:
    with pytest.raises(UsageError, match=message):
        bounded(key, bound)


def test_any_value_that_the_metric_can_have_is_a_bound() -> None:
    for bound in (0.0, 0.5, 1.0):
        bounded("accuracy", bound)
        bounded("accuracy@label=7", bound)
        bounded("accuracy@label", bound, ["cat", "dog"])
    bounded("cross_entropy", 7)
    check({"accuracy": 7}, METRICS)  # of which nothing is known


def test_tags_are_slices_by_their_names() -> None:
    kinds, parts = {"tags": "tags"}, {"tags": ("space", "keyword", "name")}
    check({"accuracy@tags=keyword": 0.5}, METRICS, ["tags"], kinds, None, SHARES, parts)
    for key in ("accuracy@tags=keywrod", "accuracy@tags=1", "accuracy@tags=space"):
        with pytest.raises(UsageError, match="no such slice"):
            check({key: 0.5}, METRICS, ["tags"], kinds, None, SHARES, parts)
