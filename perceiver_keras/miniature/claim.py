"""What a claim is: arms that are measured over seeds, and a judge of the records.

    CLAIM = Claim(name="latents", arms=(Arm("32x128", {...}), ...), measure=trained, judge=judge, ...)

Settings of an arm are a flat {name: JSON value}. What has a dot is a setting of the task's configuration
("train.steps"); the others are the claim's own ("task", "preset", "rates"). They decide whether a record that exists is
of the same experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.miniature.outcome import Outcome

if TYPE_CHECKING:
    from perceiver_keras.progress import Progress

# (steps in total, what is being done) -> a progress to enter.
Shows = Callable[[int, str], "Progress"]


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
      name: In paths and tables; letters, digits, `_` and `x`.
      settings: All that makes it what it is.
      says: For people: what it is.
    """

    name: str
    settings: Mapping[str, Any]
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one arm showed with one seed.

    Attributes:
      numbers: What is judged, and what else is worth knowing, by name.
      cost: Counted, not measured: "parameters", "flops" and "training_flops" of one example.
      curves: Title -> rows of a history, {"step", …}: of the final training, and of each one that was tried before.
      chosen: The settings that tuning chose.
    """

    numbers: Mapping[str, float]
    cost: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)


# (arm, seed, a folder of the claim, kept until all arms are measured; progress) -> what it showed.
Measure = Callable[[Arm, int, Path, Shows], Measured]
# {arm: {seed: its record}} -> outcome. A record has the keys of `Measured`.
Records = Mapping[str, Mapping[int, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of the paper, and the experiment that tests it.

    Attributes:
      name: On the command line.
      title: A few words.
      paper: Where it stands.
      statement: What the paper says.
      miniature: How it is tested here: data, sizes, and what is equal between the arms.
      arms: What is compared.
      measure: Trains and tests one arm with one seed.
      judge: Of all records, some of which may be missing.
      metric: The number that the table and the plot show of each arm.
      unit: Of it, for people.
      percent: Whether it is a share.
      seeds: Which.
      minutes: About what the whole claim takes on two quiet cores.
      quick: Settings that make every arm a matter of seconds, for tests.
      alone: It times passes, so nothing else is measured beside it.
      together: Its arms share a model, so one process measures them all.
      draw: (Matplotlib axes, records) -> None, the claim's own picture; by default, `metric` of each arm.
      reading: How the outcome is read, once there are records; empty until then.
    """

    name: str
    title: str
    paper: str
    statement: str
    miniature: str
    arms: tuple[Arm, ...]
    measure: Measure
    judge: Callable[[Records], Outcome]
    metric: str
    unit: str = ""
    percent: bool = False
    seeds: tuple[int, ...] = (0, 1, 2)
    minutes: int = 20
    quick: Mapping[str, Any] = field(default_factory=dict)
    alone: bool = False
    together: bool = False
    draw: Callable[[Any, Records], None] | None = None
    reading: str = ""

    def arm(self, name: str) -> Arm:
        """The arm of that name; raises `UsageError` that offers the nearest."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        names = [arm.name for arm in self.arms]
        raise UsageError(
            f"{self.name} has no arm {name!r}; its arms are {', '.join(names)}.{nearest(name, names)}"
        )

    def command(self, arm: str, seed: int) -> str:
        """The command that measures one arm with one seed."""
        return f"perceiver reproduce miniature {self.name} --arm {arm} --seed {seed}"

    def made_quick(self) -> Claim:
        """The same experiment at a size that takes seconds; its numbers mean nothing."""
        arms = tuple(replace(arm, settings={**arm.settings, **self.quick}) for arm in self.arms)
        return replace(self, arms=arms)


def by_seed(records: Records, arm: str, number: str) -> dict[int, float]:
    """{seed: value} of one of an arm's numbers, in the records that have it."""
    found = {}
    for seed, record in records.get(arm, {}).items():
        if number in record["numbers"]:
            found[seed] = float(record["numbers"][number])
    return found
