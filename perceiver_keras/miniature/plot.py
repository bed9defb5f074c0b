"""The picture of a claim: each arm's number with its seeds, and the curves of tuning and of the final trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.ticker import PercentFormatter

from perceiver_keras.miniature.claim import Claim, Records, by_seed
from perceiver_keras.miniature.outcome import interval_of
from perceiver_keras.show import style

COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.RED, style.GREY, "#7c3aed", "#0891b2")


def picture(claim: Claim, records: Records) -> bytes:
    """The picture as PNG.

    Args:
      claim: What is drawn.
      records: Of at least one arm.
    """
    curves = any(_validation(record) for found in records.values() for record in found.values())
    with style.styled():
        figure = style.new_figure(8.2 if curves else 4.6, 3.2)
        left = figure.add_subplot(1, 2 if curves else 1, 1)
        (claim.draw or _arms(claim))(left, records)
        if curves:
            _curves(figure.add_subplot(1, 2, 2), records)
        return style.to_png(figure, dpi=110)


def colour(records: Records, arm: str) -> str:
    """The colour of an arm, the same in all panels."""
    return COLOURS[list(records).index(arm) % len(COLOURS)]


def _arms(claim: Claim) -> Any:
    """Draws `claim.metric`: a point per seed, and the mean with its interval."""

    def draw(axes: Any, records: Records) -> None:
        names = []
        for arm in records:
            values = by_seed(records, arm, claim.metric)
            if not values:
                continue
            place, names = len(names), [*names, arm]
            axes.plot([place] * len(values), list(values.values()), "o", ms=4, alpha=0.5,
                      color=colour(records, arm))  # fmt: skip
            found = interval_of(list(values.values()))
            if found is not None and found.seeds > 1:
                error = found.high - found.mean
                axes.errorbar(place + 0.15, found.mean, error, fmt="s", ms=5, capsize=3,
                              color=colour(records, arm))  # fmt: skip
        axes.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=8)
        axes.set_xlim(-0.5, len(names) - 0.3)
        if claim.percent:
            axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, symbol=""))
        unit = f" [{claim.unit}]" if claim.unit else ""
        axes.set_title(f"{claim.metric.replace('_', ' ')}{unit}", loc="left", fontweight="bold")

    return draw


def _curves(axes: Any, records: Records) -> None:
    """The validation loss: final trainings as lines, tuning dashed."""
    for arm, found in records.items():
        seen: set[str] = set()
        for record in found.values():
            for title, rows in _validation(record).items():
                tuning = "tuning" in title
                if tuning and title in seen:  # the same for all seeds
                    continue
                seen.add(title)
                axes.plot(*zip(*rows, strict=True), lw=0.8 if tuning else 1.5, ls=":" if tuning else "-",
                          marker="." if len(rows) < 3 else None, color=colour(records, arm), alpha=0.8,
                          label=None if tuning or "label" in seen else arm.replace("_", " "))  # fmt: skip
                if not tuning:
                    seen.add("label")
    axes.set_title("validation loss (dotted: tuning)", loc="left", fontweight="bold")
    axes.set_xlabel("step")
    axes.legend(fontsize=8)


def _validation(record: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Title -> (step, validation loss) of each evaluation."""
    curves = {
        title: [(row["step"], float(row["val_loss"])) for row in rows if "val_loss" in row]
        for title, rows in record["curves"].items()
    }
    return {title: rows for title, rows in curves.items() if rows}
