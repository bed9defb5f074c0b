"""The records of an experiment: one JSON file per arm and seed, RUN_DIR/CLAIM/ARM-SEED.json.

A record that is there and has the same settings is not measured again.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_json
from perceiver_keras.miniature.claim import Arm, Claim, Measured

KEYS = ("settings", "numbers", "cost", "curves", "chosen", "seconds", "cpu_seconds", "load")
WORK = "work"  # in a claim's folder: checkpoints, until all is measured
CURVE_ROWS = 40  # kept of a curve; a plot shows no more


def place(folder: Path, claim: Claim, arm: str, seed: int) -> Path:
    """Where the record lies."""
    return folder / claim.name / f"{arm}-{seed}.json"


def read(path: Path) -> dict[str, Any] | None:
    """A record; None if there is none.

    Raises:
      PerceiverError: the file is not a record.
    """
    record = read_json(path)
    missing = [key for key in KEYS if record is not None and key not in record]
    if missing:
        raise PerceiverError(f"{path}: not a record, it lacks {', '.join(missing)}; remove it.")
    return record


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None without the file. Raises `PerceiverError` if it holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PerceiverError(
            f"{path}: not a record ({error}); remove it to measure again."
        ) from None
    if not isinstance(found, dict):
        raise PerceiverError(f"{path}: not a record; remove it to measure again.")
    return found


def read_all(folder: Path, claim: Claim) -> dict[str, dict[int, dict[str, Any]]]:
    """{arm: {seed: record}} of the claim's arms as they are now; records of other settings are left out."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for arm in claim.arms:
        for path in sorted((folder / claim.name).glob(f"{arm.name}-*.json")):
            seed = path.stem.rpartition("-")[2]
            if path.stem != f"{arm.name}-{seed}" or not seed.isdigit():
                continue
            record = read(path)
            if record is not None and is_of(record, arm):
                found.setdefault(arm.name, {})[int(seed)] = record
    return {arm: dict(sorted(of_arm.items())) for arm, of_arm in found.items()}


def is_of(record: Mapping[str, Any], arm: Arm) -> bool:
    """Whether the record is of these settings."""
    return record["settings"] == plain(arm.settings)


def changed(record: Mapping[str, Any], arm: Arm) -> list[str]:
    """The names of the settings that differ."""
    old, new = record["settings"], plain(arm.settings)
    return sorted(key for key in {**old, **new} if old.get(key) != new.get(key))


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON gives them back: tuples are lists."""
    return json.loads(json.dumps(dict(settings)))


class Stopwatch:
    """Seconds on the clock and of the processor, this process and its children, and the machine's load."""

    def __init__(self) -> None:
        self._date = time.time()
        self._started, self._used, self._load = time.monotonic(), _cpu(), _load()

    def read(self) -> dict[str, Any]:
        """{"started": since 1970, "seconds", "cpu_seconds", "load": of the minute before the start and before now}."""
        return {
            "started": round(self._date, 1),
            "seconds": round(time.monotonic() - self._started, 1),
            "cpu_seconds": round(_cpu() - self._used, 1),
            "load": [self._load, _load()],
        }


def passed(found: Iterable[Mapping[str, Any]]) -> float:
    """Seconds on the clock in which at least one of the records, which say when they started, was being measured."""
    total, until = 0.0, -math.inf
    for start, seconds in sorted((record["started"], record["seconds"]) for record in found):
        total += max(0.0, start + seconds - max(start, until))
        until = max(until, start + seconds)
    return total


def write(
    path: Path,
    claim: Claim,
    arm: Arm,
    seed: int,
    measured: Measured,
    took: Mapping[str, Any],
    versions: Callable[[], Mapping[str, str]],
) -> dict[str, Any]:
    """Writes the record, whole or not at all, and returns it."""
    record = {
        "claim": claim.name,
        "arm": arm.name,
        "seed": seed,
        "settings": plain(arm.settings),
        "numbers": {name: _number(value) for name, value in measured.numbers.items()},
        "cost": {name: _number(value) for name, value in measured.cost.items()},
        "curves": {title: thinned(rows) for title, rows in measured.curves.items()},
        "chosen": plain(measured.chosen),
        "versions": dict(versions()),
        "cores": os.cpu_count(),
        **took,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record)
    return record


def thinned(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """At most `CURVE_ROWS` rows, evenly chosen, the last one among them; evaluations stay."""
    rows = [{k: _number(v) for k, v in row.items()} for row in rows]
    every = max(1, math.ceil(len(rows) / CURVE_ROWS))
    return [
        row
        for index, row in enumerate(rows)
        if (len(rows) - 1 - index) % every == 0 or any(key.startswith("val_") for key in row)
    ]


def _number(value: Any) -> Any:
    """A number as JSON has it, with six digits; what is not finite as text."""
    if isinstance(value, int):
        return value
    value = float(value)
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _load() -> float:
    return round(os.getloadavg()[0], 2)
