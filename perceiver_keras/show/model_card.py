"""A model card (Mitchell et al., 2019), as JSON with the fields of Google's Model Card Toolkit, and as Markdown.

`exported` makes one of what is known when a model is exported; `judged` adds what the pipeline found out about it.
Both are written into the version: `assets.extra/model_card.json` and `.md`, which TensorFlow Serving ignores.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

JSON_FILE, MARKDOWN_FILE = "assets.extra/model_card.json", "assets.extra/model_card.md"
SCHEMA_VERSION = "0.0.2"  # of the Model Card Toolkit
MOST_CLASSES = 12  # named in the Markdown
COUNTS = ("example_count", "weighted_example_count")  # TFMA's, which are no metrics
MOST_SLICES = 10  # per metric in the Markdown
SMALL_TEST = 1000  # examples; below it, an accuracy's 95 % interval may be wider than 3 points
UNKNOWN = "not recorded"

Card = dict[str, Any]


def exported(
    *,
    task: str,
    summary: str,
    preset: str | None,
    config: Mapping[str, Any],
    labels: Sequence[str] | None,
    parameters: int | None,
    signatures: Mapping[str, Mapping[str, Mapping[str, str]]],
) -> Card:
    """The card of a model about which no run is known.

    Args:
      task: Its name in the registry.
      summary: What the task is, one sentence.
      preset: The configuration's name.
      config: The whole TaskConfig as a tree.
      labels: Names of the classes.
      parameters: How many weights it has.
      signatures: Name -> {"inputs": {name: "uint8 [B, 8, 8]"}, "outputs": the same}.
    """
    default = signatures.get("serving_default", {})
    data = config.get("data", {})
    classes = [] if labels is None else [str(label) for label in labels]
    return {
        "schema_version": SCHEMA_VERSION,
        "model_details": {
            "name": f"{task} ({preset})" if preset else task,
            "overview": summary,
            "documentation": "A Perceiver IO (Jaegle et al., 2021) of perceiver-keras.",
            "version": {"name": None, "date": None},
            "references": [{"reference": "https://arxiv.org/abs/2107.14795"}],
        },
        "model_parameters": {
            "model_architecture": "Perceiver IO",
            "task": task,
            "preset": preset,
            "parameters": parameters,
            "classes": classes,
            "settings": dict(config),
            "data": [{"name": data.get("dataset") or UNKNOWN, "description": UNKNOWN}],
            "input_format": _ends(default.get("inputs")),
            "output_format": _ends(default.get("outputs")),
            "signatures": {name: dict(ends) for name, ends in signatures.items()},
        },
        "quantitative_analysis": {"performance_metrics": []},
        "considerations": {
            "use_cases": [
                {"description": f"{summary} On inputs like those that it was trained on."}
            ],
            "limitations": [
                {"description": text}
                for text in (
                    *_general(classes),
                    "How good it is was not measured, or was not recorded in this export.",
                )
            ],
        },
    }


def judged(card: Card, lineage: Mapping[str, Any]) -> Card:
    """The card with what a run of the pipeline knows.

    Args:
      card: What `exported` returned; {} for an export that has none.
      lineage: As `pipeline/lineage.py` gives it; parts may be absent.
    """
    model = lineage.get("model") or {}
    settings = lineage.get("settings") or {}
    card = copy.deepcopy(card) or exported(
        task=model.get("task") or UNKNOWN,
        summary=(model.get("task") or "a model").replace("_", " ").capitalize() + ".",
        preset=model.get("preset"),
        config=settings.get("config") or {},
        labels=(lineage.get("data") or {}).get("classes"),
        parameters=model.get("parameters"),
        signatures={},
    )
    push, evaluation = lineage.get("push") or {}, lineage.get("evaluation") or {}
    details, parts = card["model_details"], card["model_parameters"]
    details["version"] = {
        "name": push.get("version"),
        "date": (push.get("time") or "")[:10] or None,
    }
    if push.get("because"):
        details["version"]["diff"] = (
            f"Version {push['of']} again, in place of {push['from']}: {push['because']}"
        )
    details["lineage"] = {
        key: lineage.get(key)
        for key in ("code", "began_from", "packages", "baseline", "schema")
        if key in lineage
    } | {"artifacts": model.get("artifact"), "data": lineage.get("data")}
    parts["data"] = [_data(lineage.get("data") or {}, parts["data"][0]["name"])]
    card["quantitative_analysis"] = {
        "performance_metrics": list(_metrics(evaluation)),
        "examples": evaluation.get("examples"),
        "trivial_guess": evaluation.get("trivial") or {},
        "last_blessed": {k: v.get("value") for k, v in (evaluation.get("baseline") or {}).items()},
        "lower_is_better": list(evaluation.get("lower_is_better") or ()),
        "gate": (lineage.get("gate") or {}).get("checks") or [],
        "serving": lineage.get("serving") or {},
    }
    limits = (*_general(parts["classes"]), *_limits(evaluation, lineage))
    card["considerations"]["limitations"] = [{"description": text} for text in limits]
    return card


def worst_slices(evaluation: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Metric -> {"slice", "value", "examples"} of the slice in which it is worst; metrics of no slice are absent."""
    lower = set(evaluation.get("lower_is_better") or ())
    worst: dict[str, dict[str, Any]] = {}
    for part in evaluation.get("slices") or ():
        for name, estimate in part["metrics"].items():
            value = _number(estimate.get("value"))
            if value is None or name in COUNTS:
                continue
            old = worst.get(name)
            if old is None or (value > old["value"] if name in lower else value < old["value"]):
                worst[name] = {
                    "slice": part["slice"], "value": value, "examples": part.get("examples")
                }  # fmt: skip
    return worst


def files(card: Card) -> dict[str, str]:
    """{path in the version: content} of the card's two files."""
    text = json.dumps(_strict(card), indent=2, ensure_ascii=False) + "\n"
    return {JSON_FILE: text, MARKDOWN_FILE: markdown(card)}


def markdown(card: Card) -> str:
    """The card for people."""
    details, parts = card["model_details"], card["model_parameters"]
    found, considerations = card["quantitative_analysis"], card["considerations"]
    version = details["version"]
    lines = [f"# {details['name']}", "", details["overview"], "", details["documentation"], ""]
    lines += [f"- Version: {version['name'] or UNKNOWN}" + _after(" of ", version["date"])]
    lines += [f"- {version['diff']}"] if version.get("diff") else []
    lines += [f"- Preset: {parts.get('preset') or UNKNOWN}"]
    lines += [f"- Parameters: {_count(parts.get('parameters'))}"]
    if classes := parts.get("classes"):
        named = ", ".join(classes[:MOST_CLASSES]) + (", …" if len(classes) > MOST_CLASSES else "")
        lines += [f"- Classes: {len(classes)} ({named})"]
    lines += ["", "## How to call it", ""]
    lines += [f"- Takes: {parts['input_format']}", f"- Returns: {parts['output_format']}"]
    for data in parts["data"]:
        lines += ["", "## Data", "", f"{data['name']}: {data['description']}"]
    lines += ["", "## Metrics", "", *_metric_lines(found)]
    if found.get("gate"):
        lines += ["", "## Gate", ""]
        lines += [f"- {_mark(check['passed'])} {check['text']}" for check in found["gate"]]
    if serving := list(_serving_lines(found.get("serving") or {})):
        lines += ["", "## Serving", "", *serving]
    lines += ["", "## Use and limits", ""]
    lines += [f"- {case['description']}" for case in considerations["use_cases"]]
    lines += [f"- {limit['description']}" for limit in considerations["limitations"]]
    if "lineage" in details:
        lines += ["", "## Where it comes from", "", *_lineage_lines(details["lineage"])]
    train = (parts.get("settings") or {}).get("train") or {}
    if train:
        names = ("steps", "learning_rate", "optimizer", "seed", "precision", "init")
        said = ", ".join(f"{name} {train[name]}" for name in names if train.get(name) is not None)
        lines += ["", "## Training", "", f"{said}. All settings are in model_card.json."]
    return "\n".join(lines) + "\n"


# === Parts ===


def _data(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    counts = data.get("examples") or {}
    said = ", ".join(f"{split} {_count(count)}" for split, count in counts.items())
    print_ = data.get("fingerprint") or UNKNOWN
    return {
        "name": data.get("dataset") or name,
        "description": f"{said or 'counts ' + UNKNOWN}; fingerprint {print_}.",
        "examples": dict(counts),
        "fingerprint": data.get("fingerprint"),
    }


def _metrics(evaluation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The Toolkit's performance_metrics: all examples first, then each slice."""
    whole = {"metrics": evaluation.get("metrics") or {}, "slice": ""}
    for part in (whole, *(evaluation.get("slices") or ())):
        for name, estimate in part["metrics"].items():
            value = _number(estimate.get("value"))
            row: dict[str, Any] = {"type": name, "value": value, "slice": part["slice"]}
            if estimate.get("low") is not None:
                row["confidence_interval"] = {
                    "lower_bound": _number(estimate["low"]),
                    "upper_bound": _number(estimate["high"]),
                }
            if part is whole and name in (evaluation.get("thresholds") or {}):
                row["threshold"] = evaluation["thresholds"][name]
            if part is not whole:
                row["examples"] = part.get("examples")
            yield row


def _general(classes: Sequence[str]) -> list[str]:
    """The limits of any model."""
    limits = ["Inputs unlike those that it was trained on get an answer too."]
    return [*limits, "It always answers with one of its classes."] if classes else limits


def _limits(evaluation: Mapping[str, Any], lineage: Mapping[str, Any]) -> Iterator[str]:
    count = evaluation.get("examples")
    if not evaluation.get("metrics"):
        yield "How good it is was not recorded."
    elif count and count < SMALL_TEST:
        yield (
            f"It was judged on {count:,.0f} examples: the intervals above say how far its metrics may be off."
        )
    for name, worst in worst_slices(evaluation).items():
        yield f"{name} is worst where {worst['slice']}: {_short(worst['value'])}."
    if (lineage.get("settings") or {}).get("on_anomaly") == "report":
        yield "Anomalies of its data did not stop the run (data.on_anomaly=report)."
    anomalies = ((lineage.get("schema") or {}).get("anomalies") or {}).get("texts") or ()
    for text in anomalies:
        yield f"In its data: {text}"


def _metric_lines(found: Mapping[str, Any]) -> Iterator[str]:
    rows = found["performance_metrics"]
    whole = [row for row in rows if not row["slice"] and row["type"] not in COUNTS]
    if not whole:
        yield f"Its metrics are {UNKNOWN} here."
        return
    if found.get("examples"):
        yield f"On {found['examples']:,.0f} examples of the test split, with 95 % intervals."
        yield ""
    trivial, last = found.get("trivial_guess") or {}, found.get("last_blessed") or {}
    yield "| metric | value | interval | threshold | trivial guess | last blessed |"
    yield "|---|---|---|---|---|---|"
    for row in whole:
        name = row["type"]
        cells = [row.get("threshold"), trivial.get(name), last.get(name)]
        said = " | ".join("" if cell is None else _short(cell) for cell in cells)
        yield f"| {name} | {_short(row['value'])} | {_interval(row)} | {said} |"
    slices = [row for row in rows if row["slice"] and row["type"] not in COUNTS]
    if slices:
        yield ""
        yield f"The worst {MOST_SLICES} slices of each metric with a threshold; all are in model_card.json."
        yield ""
        yield "| slice | examples | metric | value | interval |"
        yield "|---|---|---|---|---|"
    lower = set(found.get("lower_is_better") or ())
    judged = {row["type"] for row in whole if "threshold" in row}
    shown: dict[str, int] = {}
    for row in sorted(slices, key=lambda row: _badness(row, lower)):
        name = row["type"]
        shown[name] = shown.get(name, 0) + 1
        if shown[name] <= MOST_SLICES and (name in judged or not judged):
            yield (
                f"| {row['slice']} | {_count(row.get('examples'))} | {name} | {_short(row['value'])} "
                f"| {_interval(row)} |"
            )


def _badness(row: Mapping[str, Any], lower: set[str]) -> tuple[str, float]:
    """Sort key: by metric, the worst slice first."""
    value = float("-inf") if row["value"] is None else row["value"]
    return row["type"], -value if row["type"] in lower else value


def _serving_lines(serving: Mapping[str, Any]) -> Iterator[str]:
    if serving.get("size_bytes"):
        yield f"- Size on disk: {serving['size_bytes'] / 1e6:.1f} MB"
    if serving.get("peak_memory_bytes"):
        yield f"- Peak memory of the process that serves: {serving['peak_memory_bytes'] / 1e6:,.0f} MB"
    if serving.get("load_seconds"):
        yield f"- Loads in {serving['load_seconds']:.1f} s"
    latency = serving.get("latency") or {}
    for row in latency.get("requests") or ():
        yield (
            f"- A request of {row['examples']:,} example{'s' * (row['examples'] != 1)}: "
            f"{row['p50_ms']:.3g} ms (median), {row['p95_ms']:.3g} ms (95th percentile)"
        )
    if latency.get("machine"):
        yield f"- Measured on {latency['machine']}"


def _lineage_lines(lineage: Mapping[str, Any]) -> Iterator[str]:
    yield f"- Code: {lineage.get('code') or UNKNOWN}"
    yield f"- Began from: {began_from(lineage.get('began_from'))}"
    baseline = lineage.get("baseline") or {}
    yield f"- Last blessed model before it: {baseline.get('version') or baseline.get('uri') or 'none'}"
    schema = lineage.get("schema") or {}
    if schema.get("accepted"):
        yield f"- Schema: {accepted(schema['accepted'])}"
    packages = lineage.get("packages") or {}
    if packages:
        yield "- Packages: " + ", ".join(f"{name} {at}" for name, at in sorted(packages.items()))
    yield "- `perceiver lineage FOLDER` follows it back through the metadata store."


def began_from(init: Mapping[str, Any] | None) -> str:
    """The weights that training began from, in words."""
    if init is None:
        return UNKNOWN
    weights, print_ = init.get("weights"), init.get("fingerprint")
    if not weights:
        return "random weights"
    # What is not a file is its own fingerprint.
    if print_ == weights:
        return "random weights with local attention" if weights == "local" else f"{weights}"
    return f"{weights}" + _after(", fingerprint ", print_)


def accepted(facts: Mapping[str, Any]) -> str:
    """Who accepted the schema, when and why, in words."""
    said = f"accepted{_after(' by ', facts.get('by'))}{_after(' at ', facts.get('time'))}"
    return said + _after(": ", facts.get("because"))


def time_of(milliseconds: int | None) -> str | None:
    """A time of the metadata store as ISO 8601 in UTC, to the second."""
    if not milliseconds:
        return None
    at = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    """The time as `time_of` gives it."""
    return time_of(int(datetime.now(timezone.utc).timestamp() * 1000))


# === Words ===


def _ends(ends: Mapping[str, str] | None) -> str:
    return "; ".join(f"{name}: {kind}" for name, kind in sorted((ends or {}).items())) or UNKNOWN


def _after(words: str, value: Any) -> str:
    return f"{words}{value}" if value else ""


def _mark(passed: bool | None) -> str:
    return {True: "passed:", False: "FAILED:", None: "note:"}[passed]


def _count(value: Any) -> str:
    return UNKNOWN if value is None else f"{int(value):,}"


def _interval(row: Mapping[str, Any]) -> str:
    bounds = row.get("confidence_interval")
    return f"{_short(bounds['lower_bound'])} to {_short(bounds['upper_bound'])}" if bounds else ""


def _short(value: Any) -> str:
    return "not a number" if value is None else f"{value:.4g}"


def _number(value: Any) -> float | None:
    """What JSON can hold: the gate writes numbers that are not finite as text."""
    return None if value is None or isinstance(value, str) else float(value)


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value
