"""The gate on the page: its checks, the metrics with their intervals, and what the test split can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perceiver_keras.show.formats import ends, interval, number, real, signed

WORDS = {True: "passed", False: "refused", None: "note"}
CLASSES = {True: "good", False: "bad", None: "soft"}


def checks(verdict: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """The rows of the table of checks: refused ones first, then notes, then passed ones, each in the gate's order.

    Args:
      verdict: The Gate's verdict.json; None if a run had no Gate.
    """
    order = {False: 0, None: 1, True: 2}
    found = (verdict or {}).get("checks") or ()
    return [
        {
            "name": check["name"],
            "word": WORDS[check["passed"]],
            "class": CLASSES[check["passed"]],
            "text": check["text"],
        }
        for check in sorted(found, key=lambda check: order[check["passed"]])
    ]


def reasons(verdict: Mapping[str, Any]) -> list[str]:
    """Why the Gate refused the model: the texts of its refused checks."""
    return [check["text"] for check in verdict.get("checks") or () if check["passed"] is False]


def too_small(verdict: Mapping[str, Any] | None) -> list[str]:
    """What the test split is too small to tell, one sentence per metric."""
    smallest = (verdict or {}).get("smallest_difference") or {}
    examples = ((verdict or {}).get("evaluated") or {}).get("examples")
    split = "the test split" if examples is None else f"the {examples:,} test examples"
    return [
        f"On {split}, a model that is worse by less than {number(value)} in {name.replace('_', ' ')} cannot be told "
        "from one that is as good."
        for name, value in sorted(smallest.items())
        if value is not None
    ]


def metric_rows(
    *,
    metrics: Mapping[str, float],
    thresholds: Mapping[str, float],
    lower_is_better: Sequence[str] = (),
    trivial: Mapping[str, float] | None = None,
    last_blessed: Mapping[str, float] | None = None,
    evaluated: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The rows of the table of metrics.

    Those with a threshold come first; TFMA's count of examples and values of the trivial guess without a metric of
    the model to compare, such as the accuracy of an n-gram table, come last.

    Args:
      metrics: Name -> the model's value.
      thresholds: Name -> the limit; those of slices (`accuracy@label=7`) are shown with the slices.
      lower_is_better: The metrics of which smaller values are better.
      trivial: Name -> the trivial guess's value.
      last_blessed: Name -> the last blessed model's value; None if there is no such model.
      evaluated: The values with their intervals, `Evaluated` as JSON.
    """
    trivial, last_blessed = trivial or {}, last_blessed or {}
    estimates = (evaluated or {}).get("metrics") or {}
    before = (evaluated or {}).get("baseline") or {}
    differences = (evaluated or {}).get("difference") or {}
    rows = []
    for name in sorted(metrics, key=lambda n: (n not in thresholds, n == "example_count", n)):
        value, bound = metrics[name], thresholds.get(name)
        lower = name in lower_is_better
        difference = differences.get(name) if name != "example_count" else None
        rows.append(
            _empty(name)
            | {
                "value": number(value),
                "interval": interval(estimates.get(name)),
                "passed": reached(value, bound, lower),
                "bound": bound_words(bound, lower),
                "last_blessed": number(last_blessed[name]) if name in last_blessed else "",
                "last_interval": interval(before.get(name)),
                "difference": signed(difference["value"]) if difference else "",
                "difference_interval": interval(difference, difference=True),
                "worse": worse(difference, lower),
                "trivial": number(trivial[name]) if name in trivial else "",
            }
        )
    rows += [
        _empty(name) | {"trivial": number(value)}
        for name, value in sorted(trivial.items())
        if name not in metrics
    ]
    return rows


def bound_words(bound: float | None, lower_is_better: bool) -> str:
    """`≥ 0.9700`; "" without a bound."""
    return "" if bound is None else f"{'≤' if lower_is_better else '≥'} {number(bound)}"


def reached(value: Any, bound: float | None, lower_is_better: bool) -> bool | None:
    """Whether a value is within its limit; None without a limit. What is not a number is not."""
    if bound is None:
        return None
    value = real(value)
    return value <= bound if lower_is_better else value >= bound


def worse(difference: Mapping[str, Any] | None, lower_is_better: bool) -> bool | None:
    """Whether the whole interval of a difference is on the worse side (True), on the better one (False), or neither."""
    low, high = ends(difference)
    if low is None or low <= 0 <= high:
        return None
    return (low > 0) == lower_is_better


def _empty(name: str) -> dict[str, Any]:
    row = {
        key: ""
        for key in (
            *("value", "interval", "bound", "last_blessed", "last_interval"),
            *("difference", "difference_interval", "trivial"),
        )
    }
    return row | {"name": name.replace("_", " "), "passed": None, "worse": None}
