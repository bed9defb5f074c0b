"""A model card (Mitchell et al., 2019), as JSON with the fields of Google's Model Card Toolkit, and as Markdown.

`exported` makes one of what is known when a model is exported; `judged` adds what the pipeline found out about it, and
`carried` takes that over to another export of the same model. Both forms are written into the version:
`assets.extra/model_card.json` and `MODEL_CARD.md`, which TensorFlow Serving ignores.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from perceiver_keras.show.model_card_markdown import COUNTS, UNKNOWN, counted, markdown, short

JSON_FILE, MARKDOWN_FILE = "assets.extra/model_card.json", "assets.extra/MODEL_CARD.md"
SCHEMA_VERSION = "0.0.2"  # of the Model Card Toolkit
ONE_CLASS = "It always answers with one of its classes."
SMALL_TEST = 1000  # examples; below it, an accuracy's 95 % interval may be wider than 3 points

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
    source: str | None = None,
    slices: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
    limits: Sequence[str] = (),
    of_classes: str = ONE_CLASS,
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
      source: Where the preset's numbers come from.
      slices: The parts of the test split that a run judges by themselves.
      versions: Package -> version, of what made the export.
      limits: What else users should know, one sentence each.
      of_classes: What they should know of answers by class.
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
            "source": source,
            "versions": dict(versions or {}),
            "parameters": parameters,
            "classes": classes,
            "of_classes": of_classes,
            "settings": dict(config),
            "data": [{"name": data.get("dataset") or UNKNOWN, "description": _splits(data)}],
            "input_format": _ends(default.get("inputs")),
            "output_format": _ends(default.get("outputs")),
            "signatures": {name: dict(ends) for name, ends in signatures.items()},
        },
        "quantitative_analysis": {
            "performance_metrics": [],
            "thresholds": dict((config.get("evaluate") or {}).get("thresholds") or {}),
            "slices": list(slices),
        },
        "considerations": {
            "use_cases": [
                {"description": f"{summary} On inputs like those that it was trained on."}
            ],
            "limitations": [
                {"description": text}
                for text in (
                    *_general(classes, of_classes),
                    "How good it is was not measured, or was not recorded in this export.",
                    *limits,
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
    kept = {k: v for k, v in card["quantitative_analysis"].items() if k in ("thresholds", "slices")}
    card["quantitative_analysis"] = kept | {
        "performance_metrics": list(_metrics(evaluation)),
        "examples": evaluation.get("examples"),
        "trivial_guess": evaluation.get("trivial") or {},
        "last_blessed": {k: v.get("value") for k, v in (evaluation.get("baseline") or {}).items()},
        "lower_is_better": list(evaluation.get("lower_is_better") or ()),
        "gate": (lineage.get("gate") or {}).get("checks") or [],
        "serving": lineage.get("serving") or {},
    }
    general = _general(parts["classes"], parts.get("of_classes", ONE_CLASS))
    limits = (*general, *_limits(evaluation, lineage))
    card["considerations"]["limitations"] = [{"description": text} for text in limits]
    return card


def carried(card: Card, known: Card, limits: Sequence[str] = ()) -> Card:
    """The card of another export of a model about which a run's card tells more.

    Args:
      card: What `exported` returned.
      known: The card in the version that the run pushed; {} if there is none.
      limits: What else users should know, one sentence each.
    """
    card = copy.deepcopy(card)
    if known.get("quantitative_analysis", {}).get("performance_metrics"):
        known = copy.deepcopy(known)
        # What serving costs was measured of the run's own export.
        measured = {k: v for k, v in known["quantitative_analysis"].items() if k != "serving"}
        card["quantitative_analysis"] |= measured
        card["model_parameters"]["data"] = known["model_parameters"]["data"]
        card["considerations"]["limitations"] = known["considerations"]["limitations"]
        if lineage := known["model_details"].get("lineage"):
            card["model_details"]["lineage"] = lineage
    card["considerations"]["limitations"] += [{"description": text} for text in limits]
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


# === Parts ===


def _splits(data: Mapping[str, Any]) -> str:
    used = {"trained on": data.get("train_split"), "judged on": data.get("test_split")}
    said = ", ".join(f"{verb} its split {split}" for verb, split in used.items() if split)
    return f"{said}; counts {UNKNOWN}." if said else UNKNOWN


def _data(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    counts = data.get("examples") or {}
    said = ", ".join(f"{split} {counted(count)}" for split, count in counts.items())
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


def _general(classes: Sequence[str], of_classes: str) -> list[str]:
    """The limits of any model."""
    limits = ["Inputs unlike those that it was trained on get an answer too."]
    return [*limits, of_classes] if classes else limits


def _limits(evaluation: Mapping[str, Any], lineage: Mapping[str, Any]) -> Iterator[str]:
    count = evaluation.get("examples")
    if not evaluation.get("metrics"):
        yield "How good it is was not recorded."
    elif count and count < SMALL_TEST:
        yield (
            f"It was judged on {count:,.0f} examples: the intervals above say how far its metrics may be off."
        )
    for name, worst in worst_slices(evaluation).items():
        yield f"{name} is worst where {worst['slice']}: {short(worst['value'])}."
    if (lineage.get("settings") or {}).get("on_anomaly") == "report":
        yield "Anomalies of its data did not stop the run (data.on_anomaly=report)."
    anomalies = ((lineage.get("schema") or {}).get("anomalies") or {}).get("texts") or ()
    for text in anomalies:
        yield f"In its data: {text}"


def time_of(milliseconds: int | None) -> str | None:
    """A time of the metadata store as ISO 8601 in UTC, to the second."""
    if not milliseconds:
        return None
    at = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    """The time as `time_of` gives it."""
    return time_of(int(datetime.now(timezone.utc).timestamp() * 1000))


def _ends(ends: Mapping[str, str] | None) -> str:
    return "; ".join(f"{name}: {kind}" for name, kind in sorted((ends or {}).items())) or UNKNOWN


def _number(value: Any) -> float | None:
    """What JSON can hold: the gate writes numbers that are not finite as text."""
    return None if value is None or isinstance(value, str) else float(value)


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value
