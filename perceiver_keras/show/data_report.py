"""The data on the page: what was measured, the schema it was held against, what was found, with the examples.

`render_data` makes a page of its own, for a run that was stopped before there was a model; `section` is what the
report of a whole run includes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from perceiver_keras.show import histograms
from perceiver_keras.show.formats import NONE, counted, percent, short

# The order in which the pages show them; JSON's keys are sorted.
SPLITS = ("train", "validation", "test")
TEMPLATES = Path(__file__).parent
MOST_ANOMALIES = 20  # seen at once
MOST_DISTANCES = 6  # rows of drift and skew that are seen at once


@dataclass(kw_only=True)
class DataReport:
    """What is known about a run's data; all of it is plain JSON.

    Attributes:
      counts: Split -> {"num_examples", "num_corrupt"}.
      measures: [{"name", "unit", "meaning", "splits": {split: statistics}}], as `histograms.rows` takes them.
      schema: {"since": date, "run": id, "own": whether it is this run's own proposal, "features": [{"name",
        "kind", "presence", "allowed"}]}; None if it is not known.
      anomalies: ExampleValidator's anomalies.json, whose anomalies have "shown", a list of examples {"split", "index",
        "parts": of `stored.parts`}; None if the data was not held against a schema.
      leaks: LeakDetector's leaks.json, whose examples have "shown", likewise; None if leaks were not looked for.
      stopped: Whether the run was stopped by what was found.
    """

    task: str
    dataset: str
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    measures: list[dict[str, Any]] = field(default_factory=list)
    schema: dict[str, Any] | None = None
    anomalies: dict[str, Any] | None = None
    leaks: dict[str, Any] | None = None
    stopped: bool = False


def render_data(found: DataReport, *, next_steps: Sequence[Mapping[str, str]] = ()) -> str:
    """The page about the data alone, self-contained, as text.

    Args:
      next_steps: [{"words", "command"}, …] at its end.
    """
    return (
        environment()
        .get_template("data_page.html")
        .render(
            title=f"{found.task.replace('_', ' ').capitalize()}: data",
            stopped=found.stopped,
            verdict=verdict(found),
            words=how_many(found),
            data=section(found),
            next_steps=next_steps,
        )
    )


def how_many(found: DataReport) -> str:
    """How many anomalies there are, and in which features; "" if there is none.

    Those that are only notes are counted if there is nothing else.
    """
    anomalies = (found.anomalies or {}).get("anomalies") or ()
    anomalies = [entry for entry in anomalies if entry.get("stops", True)] or anomalies
    features = dict.fromkeys(entry.get("feature") or entry["kind"] for entry in anomalies)
    if not anomalies:
        return ""
    many = "One anomaly" if len(anomalies) == 1 else f"{len(anomalies):,} anomalies"
    return f"{many}: {', '.join(features)}."


def environment() -> jinja2.Environment:
    """Of the pages' templates."""
    return jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
    )


def verdict(found: DataReport) -> str:
    """The page's first line."""
    if found.stopped:
        return "Stopped before training: the data is not as it should be"
    if found.anomalies and not found.anomalies["clean"]:
        return "The data is not as it should be"
    return "The data is as its schema says" if found.anomalies else "The data"


def section(found: DataReport) -> dict[str, Any]:
    """What the template `data_report.html` shows."""
    splits = sorted(found.counts, key=place)
    constant, varied = histograms.rows(found.measures, splits)
    anomalies = (found.anomalies or {}).get("anomalies") or []
    rows = [_anomaly(entry) for entry in anomalies]
    distances = _distances(found.anomalies or {})
    return {
        "dataset": found.dataset,
        "how_many": how_many(found),
        "clean": bool((found.anomalies or {"clean": True})["clean"]),
        "checked": found.anomalies is not None,
        "counts": [
            {
                "split": split,
                "num_examples": f"{found.counts[split].get('num_examples', 0):,}",
                "num_corrupt": found.counts[split].get("num_corrupt", 0),
            }
            for split in splits
        ],
        "splits": splits,
        "constant": constant,
        "varied": varied,
        "classes": histograms.class_tables(found.measures, splits),
        "schema": _schema(found),
        "anomalies": rows[:MOST_ANOMALIES],
        "more_anomalies": rows[MOST_ANOMALIES:],
        "distances": distances[:MOST_DISTANCES],
        "more_distances": distances[MOST_DISTANCES:],
        "leaks": _leaks(found.leaks),
    }


def place(split: str) -> tuple[int, str]:
    """Sort key of splits: training first."""
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _anomaly(entry: Mapping[str, Any]) -> dict[str, Any]:
    many = ""
    if entry.get("examples"):
        many = counted(entry["examples"], "example")
        if entry.get("of"):
            many += f" of {entry['of']:,}"
    before, after = (
        "" if entry.get(key) in (None, "") else _words(entry[key]) for key in ("was", "is")
    )
    return {
        "feature": entry.get("feature") or "",
        "split": entry.get("split") or "",
        "kind": entry["kind"],
        "note": not entry.get("stops", True),
        "text": entry["text"],
        "was": before,
        "is": after,
        "many": many,
        "shown": [_example(one) for one in entry.get("shown") or ()],
    }


def _example(one: Mapping[str, Any]) -> dict[str, Any]:
    """An example whose place in its split stands below it; small pictures are enlarged without blurring."""
    parts = [
        {key: part.get(key) for key in ("name", "words", "picture", "wave", "text")}
        | {"pixels": (part.get("picture") or "").startswith("data:image/png")}
        for part in one["parts"]
    ]
    return {"where": f"{one['split']}, example {one['index']:,}", "parts": parts}


def _words(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(one)}" for key, one in value.items())
    if isinstance(value, float):
        return short(value)
    return str(value)


def _distances(anomalies: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Drift and skew against their limits, the nearest to the limit first."""
    names = {"jensen_shannon": "Jensen-Shannon", "l_infinity": "L-infinity"}
    rows = []
    for key, words in (("drift", "the accepted data"), ("skew", "training")):
        for entry in anomalies.get(key) or ():
            value, limit = entry["value"], entry["limit"]
            rows.append(
                {
                    "feature": entry["feature"],
                    "split": entry["split"],
                    "against": words,
                    "measure": names.get(entry["measure"], entry["measure"]),
                    "value": short(value),
                    "limit": short(limit),
                    "over": value > limit,
                    "percent": round(min(100 * value / limit if limit else 100, 100), 1),
                    "order": (-value / limit if limit else 0, entry["feature"], entry["split"]),
                }
            )
    return sorted(rows, key=lambda row: row["order"])


def _schema(found: DataReport) -> dict[str, Any] | None:
    if found.schema is None:
        return None
    run, since = found.schema.get("run"), found.schema.get("since")
    if found.schema.get("own"):
        words = "Made in this run from the task and its data"
        words += f" on {since}." if since else "."
        if found.anomalies and found.anomalies["clean"]:
            words += " Later runs are held against it."
    else:
        words = "In force"
        words += f" since {since}" if since else ""
        words += f", from run {run}." if run else "."
    return {"words": words, "features": found.schema.get("features") or []}


def _leaks(leaks: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if leaks is None:
        return None
    limit = leaks.get("limit")
    pairs = [
        {
            "splits": " and ".join(pair["splits"]),
            "exact": f"{pair['exact']:,}",
            "near": f"{pair['near']:,}",
            "share": percent(pair["share"]),
            "other_label": f"{pair.get('other_label', 0):,}",
            "over": limit is not None and pair["share"] > limit,
            "none": not (pair["exact"] or pair["near"]),
        }
        for pair in leaks["pairs"]
    ]
    examples = [
        {
            "how": {"exact": "the same", "near": "nearly the same"}.get(entry["how"], entry["how"]),
            "labels": " and ".join(str(label) for label in entry.get("labels") or ()),
            "shown": [_example(one) for one in entry["shown"]],
        }
        for entry in leaks.get("examples") or ()
        if entry.get("shown")
    ]
    return {
        "pairs": pairs,
        "none": all(pair["none"] for pair in pairs),
        "limit": NONE if limit is None else percent(limit),
        "examples": examples,
    }
