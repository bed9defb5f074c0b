"""Measuring claims: each arm with each seed once, in an order in which an early stop leaves something to judge."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from perceiver_keras.files import write_whole
from perceiver_keras.miniature import plot, records
from perceiver_keras.miniature.claim import Claim, Shows
from perceiver_keras.miniature.outcome import Outcome
from perceiver_keras.progress import Progress
from perceiver_keras.reproduce import versions

PICTURE = "plot.png"


def measure(
    claims: Iterable[Claim],
    folder: Path,
    *,
    arm: str | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    say: Callable[[str], None],
    shows: Shows = Progress,
) -> dict[str, Outcome]:
    """Measures what has no record yet; returns the outcome of each claim by its name.

    Args:
      claims: To measure.
      folder: Of the records.
      arm: Only this one.
      seed: Only this one, which need not be one of the claim's.
      seeds: How many, from 0; None: the claim's own.
      say: Told what is done, line by line.
      shows: Makes the progress of a training.

    Raises:
      UsageError: a claim has no such arm.
      PerceiverError: a record can't be read.
    """
    outcomes = {}
    for claim in claims:
        arms = [claim.arm(arm)] if arm is not None else claim.arms
        own = range(seeds) if seeds is not None else claim.seeds
        todo = [(one, s) for s in ([seed] if seed is not None else own) for one in arms]
        for number, (one, s) in enumerate(todo, 1):
            path = records.place(folder, claim, one.name, s)
            name = f"{claim.name}, {one.name}, seed {s}"
            found = records.read(path)
            if found is not None and records.is_of(found, one):
                say(f"{name}: measured before.")
                continue
            if found is not None:
                other = ", ".join(records.changed(found, one))
                say(f"{name}: the record is of other settings ({other}), so it is measured again.")

            def shown(
                total: int, label: str, where: str = f"{number}/{len(todo)} {name}"
            ) -> Progress:
                return shows(total, f"{where}: {label}")

            watch = records.Stopwatch()
            measured = claim.measure(one, s, path.parent, shown)
            record = records.write(path, claim, one, s, measured, watch.read(), versions)
            say(f"{name}: {_told(claim, record)}")
        outcomes[claim.name] = _judged(claim, folder)
    return outcomes


def _told(claim: Claim, record: dict[str, Any]) -> str:
    value = record["numbers"].get(claim.metric)
    figure = f"{claim.metric} {value:.4g}, " if isinstance(value, (int, float)) else ""
    return f"{figure}{record['seconds']:.0f} s"


def _judged(claim: Claim, folder: Path) -> Outcome:
    """Draws the claim, removes the checkpoints once nothing is left to measure, and returns the outcome."""
    found = records.read_all(folder, claim)
    outcome = claim.judge(found)
    if found:
        write_whole(folder / claim.name / PICTURE, plot.picture(claim, found))
    if all(set(claim.seeds) <= set(found.get(arm.name, {})) for arm in claim.arms):
        shutil.rmtree(folder / claim.name / records.WORK, ignore_errors=True)
    return outcome
