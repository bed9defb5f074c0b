"""Measuring claims: each arm with each seed once, in an order in which an early stop leaves something to judge."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perceiver_keras.files import write_whole
from perceiver_keras.miniature import parallel, plot, records
from perceiver_keras.miniature.claim import Arm, Claim, Shows
from perceiver_keras.miniature.outcome import Outcome
from perceiver_keras.progress import Progress
from perceiver_keras.reproduce import versions

PICTURE = "plot.png"


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is measured one after the other: arms of a claim with seeds."""

    claim: Claim
    arms: Sequence[Arm]
    seeds: Sequence[int]

    @property
    def name(self) -> str:
        """For people."""
        return ", ".join([self.claim.name, *(arm.name for arm in self.arms)])

    @property
    def minutes(self) -> float:
        """About how long it takes, to begin with the longest."""
        return self.claim.minutes * len(self.arms) / len(self.claim.arms)

    def of_each_arm(self) -> list[Part]:
        """Parts that can be measured at the same time."""
        if self.claim.together:
            return [self]
        return [Part(claim=self.claim, arms=[arm], seeds=self.seeds) for arm in self.arms]


def measure(
    claims: Iterable[Claim],
    folder: Path,
    *,
    arm: str | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    jobs: int = 1,
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
      jobs: Arms that are measured at the same time, each in a process of its own, but for claims that time passes.
      say: Told what is done, line by line; with `jobs`, a function of a module.
      shows: Makes the progress of a training; with `jobs`, a function or a class of a module.

    Raises:
      UsageError: a claim has no such arm.
      PerceiverError: a record can't be read, or a process failed.
    """
    claims = list(claims)
    here, beside = [], []
    for claim in claims:
        part = Part(
            claim=claim,
            arms=claim.arms if arm is None else [claim.arm(arm)],
            seeds=_chosen(claim, seed, seeds),
        )
        if jobs == 1 or claim.alone:
            here.append(part)
        else:
            beside += part.of_each_arm()
    if len(beside) == 1:  # which then has all cores
        here, beside = here + beside, []
    for part in here:
        measure_part(part, folder, say, shows)
    beside.sort(key=lambda part: part.minutes, reverse=True)
    parallel.run({part.name: (measure_part, (part, folder, say, shows)) for part in beside}, jobs)
    return {claim.name: _judged(claim, folder) for claim in claims}


def _chosen(claim: Claim, seed: int | None, seeds: int | None) -> Sequence[int]:
    if seed is not None:
        return [seed]
    return claim.seeds if seeds is None else range(seeds)


def measure_part(part: Part, folder: Path, say: Callable[[str], None], shows: Shows) -> None:
    """Measures what has no record yet."""
    # Many models in one process are many graphs of the same functions, which TensorFlow warns of for every one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    claim = part.claim
    todo = [(arm, seed) for seed in part.seeds for arm in part.arms]
    for number, (arm, seed) in enumerate(todo, 1):
        path = records.place(folder, claim, arm.name, seed)
        name = f"{claim.name}, {arm.name}, seed {seed}"
        found = records.read(path)
        if found is not None and records.is_of(found, arm):
            say(f"{name}: measured before.")
            continue
        if found is not None:
            other = ", ".join(records.changed(found, arm))
            say(f"{name}: the record is of other settings ({other}), so it is measured again.")

        def shown(total: int, label: str, where: str = f"{number}/{len(todo)} {name}") -> Progress:
            return shows(total, f"{where}: {label}")

        watch = records.Stopwatch()
        measured = claim.measure(arm, seed, path.parent, shown)
        record = records.write(path, claim, arm, seed, measured, watch.read(), versions)
        say(f"{name}: {_told(claim, record)}")


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
