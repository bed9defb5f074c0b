"""What the paper's runs would take, on which chips: a cost model of counted operations and measured speeds.

    python -m perceiver_keras.benchmarks.size_plan docs/size_plan.md

writes the page from `benchmarks/results/size_plan.json`, which `scripts/measure_size_plan.py` makes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_keras.files import write_whole

FACTS = Path(__file__).parent / "results" / "size_plan.json"
TEMPLATE = Path(__file__).parent / "size_plan.txt"
DAY = 86_400.0
FLOAT = 4  # bytes of a weight, and of a gradient
# Bytes per second at which a checkpoint is written; assumed, of a bucket or a network drive.
WRITES = 1e9


@dataclass(frozen=True)
class Chip:
    """What its vendor says of a chip.

    Attributes:
      name: With its form.
      peak: bfloat16 operations per second, without sparsity.
      memory: Bytes.
      near: Bytes per second that it sends to its neighbours while all exchange sums.
      group: How many chips are neighbours of that kind.
      far: The same beyond them; 0: all are neighbours.
    """

    name: str
    peak: float
    memory: float
    near: float
    group: int
    far: float = 0.0

    def exchange(self, chips: int) -> float:
        """Bytes per second among so many."""
        return self.near if chips <= self.group or not self.far else self.far


# TPUs: the all-reduce bandwidth of a whole pod, divided by its chips.
CHIPS = (
    Chip("TPU v3", 123e12, 32 * 2**30, 340e12 / 1024, 1024),
    Chip("TPU v4", 275e12, 32 * 2**30, 1.1e15 / 4096, 4096),
    Chip("TPU v5e", 197e12, 16e9, 51.2e12 / 256, 256),
    Chip("A100 80GB", 312e12, 80e9, 300e9, 8, 25e9),
    Chip("H100 SXM", 989e12, 80e9, 450e9, 8, 50e9),
)
# Steps per second on 64 TPU v3 (paper, Tab. 8 and 17).
PAPER_SPEEDS = {
    "imagenet_fourier_position_encoding": 4.85,
    "imagenet_conv_preprocessing": 5.58,
    "video_autoencoding": 4.4,
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of the paper.

    Attributes:
      preset: Of the model.
      data: What it is trained on.
      steps, batch: As the preset has them.
      parameters: Numbers.
      flops, training_flops: Per example.
      state: Bytes of a checkpoint: weights and what the optimizer keeps.
      utilisation: The share of the chip's peak that the counted operations of a training step reach.
      measured: Whether that is a measurement of a training step on an H100, or derived from one of a forward pass.
      core_seconds: Of one core, to read, decode and augment an example; None: not measured.
    """

    preset: str
    data: str
    steps: int
    batch: int
    parameters: int
    flops: int
    training_flops: int
    state: int
    utilisation: float
    measured: bool
    core_seconds: float | None = None


@dataclass(frozen=True)
class Step:
    """Where the seconds of a training step go."""

    compute: float
    exchange: float
    input: float

    @property
    def seconds(self) -> float:
        """Input is prepared meanwhile; gradients are summed after the last of them is known."""
        return max(self.compute + self.exchange, self.input)


def step(run: Run, chip: Chip, chips: int, cores_per_chip: float = np.inf) -> Step:
    """One step of `run` on so many chips, each with so many cores for its input."""
    compute = run.batch * run.training_flops / (chips * chip.peak * run.utilisation)
    # A ring: each chip sends and receives all gradients nearly twice.
    exchange = 2 * (chips - 1) / chips * FLOAT * run.parameters / chip.exchange(chips)
    input_ = run.batch * (run.core_seconds or 0.0) / (chips * cores_per_chip)
    return Step(compute, exchange if chips > 1 else 0.0, input_)


def days(run: Run, chip: Chip, chips: int, checkpoint_every: int = 1000) -> float:
    """Of the whole run, checkpoints included and evaluations not."""
    saving = run.state / WRITES / checkpoint_every
    return run.steps * (step(run, chip, chips).seconds + saving) / DAY


def cores_needed(run: Run, chip: Chip, chips: int) -> float | None:
    """Cores per chip with which the input is as fast as the chip."""
    if run.core_seconds is None:
        return None
    made = step(run, chip, chips)
    return run.batch / chips * run.core_seconds / (made.compute + made.exchange)


def too_many(run: Run, chip: Chip) -> int | None:
    """The number of chips, a power of two, from which on exchanging takes longer than computing, if there is one."""
    chips = 2
    while chips <= run.batch:
        made = step(run, chip, chips)
        if made.exchange >= made.compute:
            return chips
        chips *= 2
    return None


@dataclass(frozen=True)
class Fit:
    """Seconds of a step on the CPU: `fixed` + `example` × examples per worker, alone on the machine.

    With two processes at once an example takes `shared` times as long. Two workers of one run exchange gradients too,
    in `exchange`.
    """

    fixed: float
    example: float
    shared: float
    exchange: float

    def seconds(self, batch: int, workers: int, processes: int) -> float:
        example = self.example * (self.shared if processes > 1 else 1.0)
        return self.fixed + example * batch / workers + self.exchange * (workers > 1)


def fit(measured: Sequence[Mapping[str, Any]]) -> Fit:
    """From runs {"workers", "processes", "batch", "seconds"} of all three kinds, with the least relative errors."""
    rows = [
        (
            1.0,
            run["batch"] / run["workers"] * (run["processes"] == 1),
            run["batch"] / run["workers"] * (run["processes"] > 1),
            float(run["workers"] > 1),
        )
        for run in measured
    ]
    seconds = np.array([run["seconds"] for run in measured])
    scaled = np.array(rows) / seconds[:, None]
    fixed, alone, shared, exchange = map(
        float, np.linalg.lstsq(scaled, np.ones(len(rows)), rcond=None)[0]
    )
    return Fit(fixed, alone, shared / alone, exchange)


def runs(facts: Mapping[str, Any]) -> list[Run]:
    """What the file of facts says, with the utilisation that follows from it."""
    gpu, found = facts["gpu"], []
    for preset, counted in facts["counted"].items():
        speed = gpu["runs"][counted["gpu"]]
        rate = speed["flops"] / speed["seconds"]
        if not speed["training"]:
            # As much slower than its forward pass as the one model is of which both are known.
            both = [gpu["runs"][name] for name in gpu["pair"]]
            forward, training = (run["flops"] / run["seconds"] for run in both)
            rate *= training / forward
        found.append(
            Run(
                preset=preset,
                utilisation=rate / gpu["peak"],
                measured=speed["training"],
                core_seconds=facts["input"].get(counted["input"], {}).get("core_seconds"),
                **{name: counted[name] for name in ("data", "steps", "batch", "parameters")},
                **{name: counted[name] for name in ("flops", "training_flops", "state")},
            )
        )
    return found


def page(facts: Mapping[str, Any]) -> str:
    """The whole page, as Markdown."""
    found = runs(facts)
    model, checked = _check(facts)
    errors = [abs(said / run["seconds"] - 1) for run, said in checked if not run["fitted"]]
    return TEMPLATE.read_text(encoding="utf-8").format(
        counted=table(
            "preset | data | parameters | GFLOP, forward | GFLOP, training | checkpoint, GB | batch | steps | "
            "10¹⁸ FLOP in all",
            (
                f"`{r.preset}` | {r.data} | {r.parameters / 1e6:.1f} M | {r.flops / 1e9:,.0f} | "
                f"{r.training_flops / 1e9:,.0f} | {r.state / 1e9:.1f} | {r.batch:,} | {r.steps:,} | "
                f"{r.steps * r.batch * r.training_flops / 1e18:,.0f}"
                for r in found
            ),
        ),
        utilisation=table(
            "preset | share of the peak | from",
            (
                f"`{r.preset}` | {r.utilisation:.0%} | {'a training step' if r.measured else 'its forward pass'}"
                for r in found
            ),
        ),
        paper=table(
            "preset | steps/s on 64 TPU v3 | share of their peak",
            (f"`{name}` | {speed} | {share:.0%}" for name, speed, share in paper_speeds(found)),
        ),
        days=table(
            "preset | chips | " + " | ".join(chip.name for chip in CHIPS),
            (
                f"`{r.preset}` | {chips} | "
                + " | ".join(f"{days(r, chip, chips):,.1f}" for chip in CHIPS)
                for r in found
                for chips in (8, 64, 256)
            ),
        ),
        bottleneck=table(
            "preset | chip | step, s | exchanging | cores per chip for the input | chips from which exchanging takes "
            "longer than computing | writing a checkpoint, s",
            (_bottleneck(r, chip) for r in found for chip in CHIPS),
        ),
        input=table(
            "input | examples/s of one core | KB stored per example | measured on",
            (
                f"{name} | {1 / one['core_seconds']:,.0f} | {one['bytes'] / 1e3:,.0f} | {one['of']}"
                for name, one in facts["input"].items()
            ),
        ),
        check=table(
            "workers | at once | batch | measured, ms | model, ms | error | ",
            (
                f"{run['workers']} | {run['processes']} | {run['batch']} | {1e3 * run['seconds']:.1f} | "
                f"{1e3 * said:.1f} | {said / run['seconds'] - 1:+.0%} | "
                f"{'fitted' if run['fitted'] else 'predicted'}"
                for run, said in checked
            ),
        ),
        fixed=f"{1e3 * model.fixed:.1f}",
        example=f"{1e3 * model.example:.3f}",
        shared=f"{model.shared:.2f}",
        exchange=f"{1e3 * model.exchange:.1f}",
        exchanged=f"{facts['measured']['parameters']:,}",
        predictions=str(len(errors)),
        worst=f"{max(errors):.0%}",
        mean=f"{np.mean(errors):.0%}",
        writes=f"{WRITES / 1e9:g}",
    )


def paper_speeds(found: Sequence[Run]) -> Iterator[tuple[str, float, float]]:
    """(preset, steps per second, share of the peak of 64 TPU v3) of the speeds that the paper tells."""
    for run in found:
        if speed := PAPER_SPEEDS.get(run.preset):
            yield run.preset, speed, speed * run.batch * run.training_flops / (64 * CHIPS[0].peak)


def _bottleneck(run: Run, chip: Chip) -> str:
    made, cores = step(run, chip, 64), cores_needed(run, chip, 64)
    total, limit = made.compute + made.exchange, too_many(run, chip)
    needed = "–" if cores is None else f"{cores:.1f}"
    return (
        f"`{run.preset}` | {chip.name} | {total:.3g} | {made.exchange / total:.0%} | {needed} | "
        f"{limit or 'never'} | {run.state / WRITES:.1f}"
    )


def _check(facts: Mapping[str, Any]) -> tuple[Fit, list[tuple[Mapping[str, Any], float]]]:
    """The model, and of each run, what was measured and its seconds by the model."""
    measured = facts["measured"]["runs"]
    model = fit([run for run in measured if run["fitted"]])
    keys = ("batch", "workers", "processes")
    return model, [(run, model.seconds(*(run[key] for key in keys))) for run in measured]


def table(head: str, rows: Iterator[str] | Sequence[str]) -> str:
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*lines, *(f"| {row} |" for row in rows)])


def main(path: str) -> None:
    write_whole(Path(path), page(json.loads(FACTS.read_text())))


if __name__ == "__main__":
    main(sys.argv[1])
