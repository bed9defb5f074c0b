"""The file of results: `results.json` in a folder, written after each case, so that a stopped run loses nothing."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from perceiver_keras.benchmarks import machine
from perceiver_keras.errors import UsageError
from perceiver_keras.files import write_json

FILE = "results.json"


class Results:
    """What was measured on one machine: {"machine": …, "cases": {name: {"case", "when", "flops", "peak", "others",
    "sides"}}}.

    `flops` are those of one call, counted in our graph; `peak` is how many a second matrix products reached in that
    run; `others` the share of all processors' time that other work took during the calls.

    A case that is measured again replaces its old result; the sides of a case always come from one run. Quick runs have
    a file of their own name, because their cases are other models.

    Raises:
      UsageError: the folder has the results of another machine.
    """

    def __init__(self, folder: Path, quick: bool = False):
        self._path = folder / (f"quick_{FILE}" if quick else FILE)
        here = machine.describe()
        self.whole: dict[str, Any] = {"machine": here, "quick": quick, "cases": {}}
        if self._path.is_file():
            there = load(self._path)
            if not machine.is_same(there["machine"], here):
                raise UsageError(
                    f"{self._path} has the results of another machine ({there['machine']['processor']}, "
                    f"{there['machine']['cores']} cores); choose another folder with -o."
                )
            self.whole["cases"] = there["cases"]
        folder.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        case: dict[str, Any],
        sides: dict[str, Any],
        flops: int | None = None,
        peak: float | None = None,
        others: float | None = None,
    ) -> None:
        when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        row = {"case": case, "when": when, "flops": flops, "peak": peak, "others": others}
        row["sides"] = sides
        self.whole["cases"][case["name"]] = row
        write_json(self._path, self.whole)


def load(path: Path) -> dict[str, Any]:
    """The content of a file of results; raises `UsageError` if it is none."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        whole["machine"], whole["cases"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a file of results ({error}); choose another folder."
        ) from None
    return whole
