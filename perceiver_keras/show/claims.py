"""The paper's figures next to those that were measured: a page for people, and the tables of README and docs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from perceiver_keras.show.data_report import TEMPLATES, environment
from perceiver_keras.show.formats import MINUS, NONE

# What the paper gives as a share of 1 or in percent is shown in percent.
_SHARES = ("accuracy", "precision", "average", "pearson", "matthews", "rate")
NOT_RUN = "not run here"
TRAIN = "train with: "


def rows(outcomes: Iterable[Any]) -> list[dict[str, Any]]:
    """One row per figure, ready to be shown.

    Args:
      outcomes: Each with `benchmark`, `record` and `reason`, as `reproduce_all` has them.

    Returns:
      [{"name", "source", "metric", "claimed", "measured", "difference", "choice", "state", "record", "weights"}, …]:
      all but `record` are text. A row without a figure of its own has the metric "".
    """
    found = []
    for outcome in outcomes:
        benchmark, record = outcome.benchmark, outcome.record or {}
        measured = record.get("measured", {})
        claimed = dict(benchmark.claimed)
        for metric in [*claimed, *(name for name in measured if name not in claimed)] or [""]:
            found.append(
                {
                    "name": benchmark.name,
                    "source": benchmark.source.split(", ", 2)[-1],
                    "metric": metric,
                    "claimed": figure(metric, claimed.get(metric)),
                    "measured": figure(metric, measured.get(metric)),
                    "difference": figure(
                        metric, _difference(measured, claimed, metric), signed=True
                    ),
                    "choice": _choice(benchmark, record),
                    "state": _state(outcome),
                    "weights": benchmark.weights,
                    "record": record,
                }
            )
    return found


def figure(metric: str, value: float | None, signed: bool = False) -> str:
    """A value as the paper writes it: shares in percent, others with two digits; `–` for None."""
    if value is None:
        return NONE
    share = any(word in metric for word in _SHARES)
    number = 100 * value if share else value
    text = f"{abs(number):.2f}" + (" %" if share else "")
    sign = MINUS if number < 0 else "+" if signed else ""
    return f"{sign}{text}"


def page(outcomes: Sequence[Any], versions: Mapping[str, str], finished: bool = True) -> str:
    """The page about all rows, self-contained HTML."""
    shown = rows(outcomes)
    groups = (
        ("Measured", [row for row in shown if row["record"]]),
        (
            "Not measured",
            [row for row in shown if not row["record"] and "quoted" not in row["weights"]],
        ),
        ("Models of others, quoted by the paper", [r for r in shown if "quoted" in r["weights"]]),
    )
    return (
        environment()
        .get_template("claims.html")
        .render(
            groups=[(title, some) for title, some in groups if some],
            versions=versions,
            finished=finished,
            measured=sum(bool(outcome.record) for outcome in outcomes),
        )
    )


def short_table(outcomes: Iterable[Any]) -> str:
    """The released models' figures as Markdown, for the README."""
    lines = ["| figure | claimed | measured here | by |", "|---|---|---|---|"]
    for row in rows(outcome for outcome in outcomes if outcome.benchmark.released):
        measured = f"{row['measured']} ({row['difference']})" if row["record"] else row["state"]
        name = f"`{row['name']}`, {row['metric'] or 'without a figure in the paper'}"
        lines.append(f"| {name} | {row['claimed']} | {measured} | {row['choice']} |")
    return "\n".join(lines) + "\n"


def tables(outcomes: Sequence[Any]) -> str:
    """All rows as Markdown, one line each: those of our models, and those that the paper quotes."""
    lines = ["| benchmark | of | claimed | measured | weights |", "|---|---|---|---|---|"]
    for own in (rows([outcome]) for outcome in outcomes if not outcome.benchmark.quoted):
        weights = own[0]["weights"].replace("|", "\\|")
        if weights.startswith(TRAIN):
            weights = f"{TRAIN}{'; '.join(f'`{one}`' for one in weights[len(TRAIN) :].split('; '))}"
        measured = _joined(own, "measured") if own[0]["record"] else NOT_RUN
        lines.append(
            f"| `{own[0]['name']}` | {own[0]['source']} | {_joined(own, 'claimed')} | {measured} | {weights} |"
        )
    lines += ["", "Quoted by the paper for comparison:", "", "| of | claimed |", "|---|---|"]
    quoted = (rows([outcome]) for outcome in outcomes if outcome.benchmark.quoted)
    lines += [f"| {own[0]['source']} | {_joined(own, 'claimed')} |" for own in quoted]
    return "\n".join(lines) + "\n"


def _joined(own: Sequence[Mapping[str, str]], which: str) -> str:
    """The figures of one row of the paper, each with its name."""
    return ", ".join(f"{row['metric']} {row[which]}" for row in own if row[which] != NONE) or NONE


def document(outcomes: Sequence[Any]) -> str:
    """docs/reproduce.md."""
    text = (TEMPLATES / "claims.md").read_text(encoding="utf-8")
    return text.replace("{released}", short_table(outcomes)).replace("{all}", tables(outcomes))


def _difference(
    measured: Mapping[str, float], claimed: Mapping[str, float], metric: str
) -> float | None:
    if metric not in measured or metric not in claimed:
        return None
    return measured[metric] - claimed[metric]


def _choice(benchmark: Any, record: Mapping[str, Any]) -> str:
    """The tiling, crop or window by which it is measured."""
    options = record.get("options", benchmark.options)
    parts = [f"{name} {value}" for name, value in options.items()]
    return "; ".join([*parts, *([benchmark.rule] if benchmark.rule else [])]) or NONE


def _state(outcome: Any) -> str:
    """What a reader must know of a row: why it was not measured, or what keeps it from being the paper's."""
    if outcome.benchmark.quoted:
        return "quoted"
    if not outcome.record:
        return f"{NOT_RUN}: {outcome.reason}"
    said = [] if outcome.record.get("complete") else ["not finished"]
    if differs := outcome.record.get("differs"):
        more = f" and {len(differs) - 3} more" if len(differs) > 3 else ""
        said.append(f"the model is not the row's: {', '.join(differs[:3])}{more}")
    if outcome.reason:
        said.append(f"from an earlier run; now {outcome.reason}")
    return "; ".join(said) or "measured"
