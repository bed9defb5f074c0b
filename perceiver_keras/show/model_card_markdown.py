"""A model card as Markdown, for people, and the words in it that the pages of runs use, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MOST_CLASSES = 12  # named
COUNTS = ("example_count", "weighted_example_count")  # TFMA's, which are no metrics
MOST_SLICES = 10  # per metric
UNKNOWN = "not recorded"


def markdown(card: Mapping[str, Any]) -> str:
    """The card for people."""
    details, parts = card["model_details"], card["model_parameters"]
    found, considerations = card["quantitative_analysis"], card["considerations"]
    version = details["version"]
    lines = [f"# {details['name']}", "", details["overview"], "", details["documentation"], ""]
    lines += [f"- Version: {version['name'] or UNKNOWN}" + _after(" of ", version["date"])]
    lines += [f"- {version['diff']}"] if version.get("diff") else []
    lines += [f"- Preset: {parts.get('preset') or UNKNOWN}" + _after("; ", parts.get("source"))]
    lines += [f"- Parameters: {counted(parts.get('parameters'))}"]
    if versions := parts.get("versions"):
        lines += ["- Made with: " + _named(versions)]
    if classes := parts.get("classes"):
        named = ", ".join(classes[:MOST_CLASSES]) + (", …" if len(classes) > MOST_CLASSES else "")
        lines += [f"- Classes: {len(classes)} ({named})"]
    lines += ["", "## How to call it", ""]
    lines += [f"- Takes: {parts['input_format']}", f"- Returns: {parts['output_format']}"]
    if attention := parts["signatures"].get("attention"):
        returned = "; ".join(f"{name}: {spec}" for name, spec in attention["outputs"].items())
        lines += [
            f"- The signature `attention` takes the same and returns {returned}: the share of each "
            "place of the input in what the latents attended to."
        ]
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


def _metric_lines(found: Mapping[str, Any]) -> Iterator[str]:
    rows = found["performance_metrics"]
    whole = [row for row in rows if not row["slice"] and row["type"] not in COUNTS]
    if not whole:
        yield f"Its metrics are {UNKNOWN} here."
        if thresholds := found.get("thresholds"):
            bounds = ", ".join(f"{name} {short(value)}" for name, value in thresholds.items())
            yield f"A run with its settings is judged by these thresholds: {bounds}."
        if found.get("slices"):
            yield f"A run with its settings also judges each value of: {', '.join(found['slices'])}."
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
        said = " | ".join("" if cell is None else short(cell) for cell in cells)
        yield f"| {name} | {short(row['value'])} | {_interval(row)} | {said} |"
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
                f"| {row['slice']} | {counted(row.get('examples'))} | {name} | {short(row['value'])} "
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
        yield f"- Packages: {_named(packages)}"
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


def _after(words: str, value: Any) -> str:
    return f"{words}{value}" if value else ""


def _named(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {at}" for name, at in sorted(versions.items()))


def _mark(passed: bool | None) -> str:
    return {True: "passed:", False: "FAILED:", None: "note:"}[passed]


def counted(value: Any) -> str:
    return UNKNOWN if value is None else f"{int(value):,}"


def _interval(row: Mapping[str, Any]) -> str:
    bounds = row.get("confidence_interval")
    return f"{short(bounds['lower_bound'])} to {short(bounds['upper_bound'])}" if bounds else ""


def short(value: Any) -> str:
    return "not a number" if value is None else f"{value:.4g}"
