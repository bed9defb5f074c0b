"""What ServingValidator measured of the exported model, for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perceiver_keras.show import formats


def latency(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The table of how long requests take.

    Args:
      found: `serving_check.latency`'s answer.
    """
    if not found or not found["requests"]:
        return None
    rows = [
        {
            "request": "one example" if row["examples"] == 1 else f"{row['examples']:,} at once",
            "p50": formats.milliseconds(row["p50_ms"]),
            "p95": formats.milliseconds(row["p95_ms"]),
            "per_second": formats.rounded(1000 * row["examples"] / row["p50_ms"]),
            "repeats": f"{row['repeats']:,}",
        }
        for row in found["requests"]
    ]
    return {"machine": found["machine"], "rows": rows}


def facts(serving: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """(what, text) rows about the export: its size, time to load, memory, and how much slower it is.

    Args:
      serving: ServingValidator's verdict.json.
    """
    serving = serving or {}
    found = []
    if serving.get("size_bytes"):
        found.append(("size on disk", formats.size(serving["size_bytes"])))
    if serving.get("load_seconds"):
        found.append(("time to load", formats.seconds(serving["load_seconds"])))
    if serving.get("peak_memory_bytes"):
        found.append(("peak memory", formats.size(serving["peak_memory_bytes"])))
    note = (serving.get("baseline") or {}).get("note")
    if serving.get("slowdown") is not None:
        found.append(("compared with the last blessed", _slowdown(serving)))
    elif note:
        found.append(("compared with the last blessed", f"not timed: {note}"))
    if serving.get("records"):
        found.append(
            ("warm-up requests replayed", f"{serving['records']:,}, answered as in training")
            if not serving.get("cause")
            else ("warm-up requests replayed", f"{serving['records']:,}")
        )
    return found


def agreement(serving: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Whether the export answers raw inputs as the training path does; None if that was not compared.

    Args:
      serving: ServingValidator's verdict.json.
    """
    skew = (serving or {}).get("skew")
    if not skew:
        return None
    examples = formats.counted(skew["examples"], "example")
    largest = skew.get("largest_difference")
    words = f"{examples} of the test split went through the export and through the training path"
    if skew.get("stage"):
        output = f" (output {skew['output']})" if skew.get("output") else ""
        what = f": {skew['text']}" if skew.get("text") else ""
        text = f"{words}; they part at {skew['stage']}{output}{what}."
    else:
        text = f"{words}; the answers agree."
    if largest is not None:
        text += f" Largest relative difference: {formats.number(largest)}."
    return {
        "agree": not skew.get("stage"),
        "text": text,
        "compared": [str(one) for one in skew.get("compared") or ()],
    }


def _slowdown(serving: Mapping[str, Any]) -> str:
    factor = serving["slowdown"]
    if 0.95 <= factor <= 1.05:
        return "as fast"
    if factor > 1:
        return f"{factor:.2f} times as slow"
    return f"{1 / max(factor, 1e-9):.2f} times as fast"
