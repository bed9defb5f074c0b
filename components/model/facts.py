"""What the files in artifacts' folders tell about a model, for its card and its lineage; without TFX and TensorFlow.

Whatever is absent, because an older version wrote the folder or because it was cleaned, is absent from the answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

SPLITS = ("train", "validation", "test")  # the order in which they are told
# A property of a Model that `perceiver rollback` took back: it is not blessed and not pushed again.
WITHDRAWN = "withdrawn_because"


def of_model(folder: Path) -> dict[str, Any]:
    """{"task", "preset", "classes", "config", "parameters"} of a Trainer's output, or of a preset folder itself."""
    preset = folder / "preset" if (folder / "preset").is_dir() else folder
    about, config = read(preset / "task.json"), read(preset / "config.json")
    found = {
        "task": about.get("task"),
        "preset": about.get("preset"),
        "classes": about.get("labels"),
    }
    found |= {"config": config, "parameters": _parameters(preset / "model.weights.h5")}
    return {key: value for key, value in found.items() if value}


def of_examples(properties: Mapping[str, Any]) -> dict[str, Any]:
    """{"fingerprint", "examples": {split: count}, "corrupt": {split: count}} from the properties of the artifact."""

    def counts(prefix: str) -> dict[str, int]:
        found = {
            k.removeprefix(prefix): int(v) for k, v in properties.items() if k.startswith(prefix)
        }
        return {k: found[k] for k in sorted(found, key=lambda k: (_place(k), k))}

    found = {"fingerprint": properties.get("fingerprint"), "examples": counts("num_examples_")}
    corrupt = {split: count for split, count in counts("num_corrupt_").items() if count}
    return found | ({"corrupt": corrupt} if corrupt else {})


def of_gate(folder: Path, properties: Mapping[str, Any]) -> dict[str, Any]:
    """{"gate", "evaluation"} from the folder of a ModelBlessing: `Gate`'s verdict, or only whether it was blessed."""
    verdict = read(folder / "verdict.json")
    gate = {"blessed": properties.get("blessed") == 1, "checks": verdict.get("checks")}
    if not verdict:
        return {"gate": gate, "evaluation": {}}
    gate |= {"confidence": verdict.get("confidence")}
    evaluated = verdict.get("evaluated") or {}
    evaluation = {
        "examples": evaluated.get("examples"),
        "metrics": evaluated.get("metrics") or {},
        "baseline": evaluated.get("baseline"),
        "difference": evaluated.get("difference"),
        "slices": evaluated.get("slices") or [],
        "trivial": verdict.get("trivial") or {},
        "lower_is_better": verdict.get("lower_is_better"),
        "smallest_difference": verdict.get("smallest_difference") or {},
    }
    return {"gate": gate, "evaluation": evaluation}


def of_report(folder: Path) -> dict[str, Any]:
    """{"gate", "evaluation"} from a report.json: what older runs, without `Gate`, know about their metrics."""
    report = read(folder / "report.json")
    if not report:
        return {}

    def estimates(metrics: Mapping[str, float] | None) -> dict[str, Any] | None:
        return metrics and {name: {"value": value} for name, value in metrics.items()}

    metrics = dict(report.get("metrics") or {})
    evaluation = {
        "examples": metrics.get("example_count"),
        "metrics": estimates(metrics) or {},
        "baseline": estimates(report.get("last_blessed")),
        "difference": None,
        "slices": [],
        "trivial": report.get("baseline") or {},
    }
    return {"gate": {"reasons": report.get("reasons") or []}, "evaluation": evaluation} | _settings(
        report
    )


def _settings(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "thresholds": report.get("thresholds") or {},
        "lower_is_better": report.get("lower_is_better") or [],
        "config": report.get("config") or {},
    }


def of_serving(folder: Path, properties: Mapping[str, Any]) -> dict[str, Any]:
    """ServingValidator's verdict, with "blessed"."""
    verdict = read(folder / "verdict.json")
    blessed = {"blessed": properties["blessed"] == 1} if "blessed" in properties else {}
    return verdict | blessed


def of_data_checks(folder: Path) -> dict[str, Any]:
    """{"clean", "texts": one sentence for each anomaly, "drift", "on_anomaly"}; {} for older runs."""
    found = read(folder / "anomalies.json")
    if not found:
        return {}
    texts = [item.get("text", "") for item in found.get("anomalies") or ()]
    kept = {key: found.get(key) for key in ("clean", "on_anomaly", "against", "drift", "skew")}
    return kept | {"texts": texts}


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(
        os.path.getsize(os.path.join(path, name))
        for path, _, names in os.walk(folder)
        for name in names
    )


def read(path: Path) -> dict[str, Any]:
    """A JSON object; {} if it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _parameters(weights: Path) -> int | None:
    """How many numbers a weights file holds."""
    total = 0

    def count(name: str, item: Any) -> None:
        nonlocal total
        total += item.size if isinstance(item, h5py.Dataset) else 0

    try:
        with h5py.File(weights) as file:
            file.visititems(count)
    except OSError:
        return None
    return total


def _place(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)
