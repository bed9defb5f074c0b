"""Kills runs at random moments, many times, and compares what they end with to a run that nobody disturbed.

    PYTHONPATH=$PWD .venv/bin/python scripts/try_kills.py [KIND …] [--kills 35] [--work FOLDER] [--minutes 120]

`train` kills the one process of `perceiver train`; `workers` a worker of `perceiver launch --workers 2`, or both, or
their supervisor; `pipeline` kills `perceiver run` in one component after another. `loop` and `loops` kill the training
loop with the small model of the tests, in one process and in two workers: less is tried, and more often.

Whatever was killed is started again by the same command until it is done. Then its learning curve and its weights must
be those of the unbroken run, bit for bit, and a pipeline must have pushed one model and left nothing open in its
metadata. With --work, a script that was stopped, or killed, goes on where it was. Prints a table, and exits with 1 if
a run differed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from killed_run import LIMIT, KilledLoop, KilledRun, alive, make_data, wait_until, warm_up

TASK = "image_classification"
SMALL = (
    *("model.encode.num_latents=8", "model.encode.latent_dim=16", "model.encode.dropout=0.1"),
    *("model.process.num_self_attention_layers=1", "model.process.dropout=0.1"),
    *("train.deterministic=true", "train.warmup_steps=5"),
)
TRAIN = (
    *(*SMALL, "data.max_examples=400", "train.steps=600"),
    *("train.evaluate_every=100", "train.checkpoint_every=10", "train.log_every=50"),
)
PIPELINE = (
    *(*SMALL, "train.steps=400", "train.evaluate_every=100", "train.checkpoint_every=20"),
    *("evaluate.thresholds.accuracy=0.15", "evaluate.allowed_drop=1.0"),
)


def settings(*assignments: str) -> list[str]:
    return [word for assignment in assignments for word in ("--set", assignment)]


COMMANDS = {
    "train": ["train", TASK, *settings(*TRAIN)],
    "workers": [
        *("launch", "--workers", "2", "--restarts", "1000", "--", "train", TASK),
        *settings(*TRAIN),
    ],
    "pipeline": ["run", TASK, *settings(*PIPELINE)],
}
LOOP = ("train.steps=600", "train.evaluate_every=50", "train.checkpoint_every=5")
# Seconds in which the other workers must have left: those of the supervisor's patience, on a busy machine.
LATE = 30.0


def start(kind: str, run_dir: Path, work: Path) -> KilledRun:
    if kind in ("loop", "loops"):
        return KilledLoop(LOOP, run_dir, work, workers=2 if kind == "loops" else 1)
    return KilledRun(COMMANDS[kind], run_dir, work, alone=kind == "workers")


def goes_on(run: KilledRun, chance: random.Random, unbroken: dict[str, Any]) -> bool:
    """Waits until a random moment; whether the run is not yet done then.

    A third of the moments are between the start and the first checkpoint, the others somewhere in the next steps.
    """
    if chance.random() < 1 / 3:
        return not run.ended_within(chance.uniform(0.05, unbroken["start"]))
    aim = run.step() + chance.randint(1, 100)
    wait_until(lambda: run.step() >= aim or run.code() is not None)
    return not run.ended_within(chance.uniform(0, 1))


def kill_train(run: KilledRun, chance: random.Random, unbroken: dict[str, Any]) -> str | None:
    """Returns where the run was; None: it was done before."""
    if not goes_on(run, chance, unbroken):
        return None
    where = run.where(run.pid)
    run.kill()
    return where


def kill_workers(run: KilledRun, chance: random.Random, unbroken: dict[str, Any]) -> str | None:
    """One of the two workers, both, or their supervisor, which starts workers again as long as it lives."""
    wait_until(lambda: len(run.children()) == 2 or run.code() is not None)
    if not goes_on(run, chance, unbroken):
        return None
    workers = run.children()
    victim = chance.choice(["the chief", "worker 1", "worker 1", "both", "the supervisor"])
    if len(workers) < 2:
        return None
    where = run.where(workers[victim == "worker 1"])
    killed = {"the chief": workers[:1], "worker 1": workers[1:], "both": workers}
    for pid in killed.get(victim, [run.pid]):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    wait_until(lambda: not any(map(alive, workers)))
    late = " (the others left late)" if time.monotonic() - began > LATE else ""
    if victim == "the supervisor":
        run.ended_within(LIMIT)
    return f"{victim}: {where}{late}"


def kill_pipeline(run: KilledRun, chance: random.Random, unbroken: dict[str, Any]) -> str | None:
    """In the component whose turn it is, at a moment within the time that it takes."""
    names = list(unbroken["components"])
    name = names[unbroken["killed"] % len(names)]
    wait_until(lambda: f"] {name} …" in run.said_now() or run.code() is not None)
    if run.ended_within(0.05) or f"] {name}: done before" in run.said_now():
        return None  # it was killed in all of them; the next run begins with the first again
    if run.ended_within(chance.uniform(0, unbroken["components"][name])):
        return None
    run.kill()
    return re.findall(r"\] (\w+) …", run.said_now())[-1]


def kill_loops(run: KilledRun, chance: random.Random, unbroken: dict[str, Any]) -> str | None:
    """One of the workers, or both; nobody starts them again."""
    if not goes_on(run, chance, unbroken):
        return None
    victim = chance.choice(["the chief", "worker 1", "both"])
    where = run.where(run.pids[victim == "worker 1"])
    killed = {"the chief": run.pids[:1], "worker 1": run.pids[1:], "both": run.pids}[victim]
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    wait_until(lambda: run.code() is not None)
    late = " (the other left late)" if time.monotonic() - began > LATE else ""
    return f"{victim}: {where}{late}"


KILLS = {
    **{"train": kill_train, "workers": kill_workers, "pipeline": kill_pipeline},
    **{"loop": kill_train, "loops": kill_loops},
}


def result(kind: str, run_dir: Path) -> dict[str, Any]:
    """What a run has ended with; all of it must be the same after kills."""
    if kind in ("loop", "loops"):
        import numpy as np

        told = json.loads((run_dir / "0" / "told.json").read_text())
        weights = np.load(run_dir / "0" / "weights.npz")
        return {
            "curve": {name: told[name] for name in ("history", "best")},
            "weights": {name: weights[name].tobytes() for name in weights.files},
        }
    if kind != "pipeline":
        curve = (run_dir / "logs" / "history.json").read_text()
        return {"curve": json.loads(curve), "weights": arrays(run_dir / "preset")}
    record = json.loads((run_dir / "run.json").read_text())
    (model,) = record["artifacts"]["Trainer"]["model"]
    (logs,) = record["artifacts"]["Trainer"]["model_run"]
    return {
        "curve": json.loads(Path(logs, "history.json").read_text()),
        "weights": arrays(Path(model, "preset")),
        "blessed": record["blessed"],
        "pushed models": sum(name.isdigit() for name in os.listdir(run_dir / "pushed")),
        "open executions": open_executions(run_dir),
        "unfinished.json": (run_dir / "unfinished.json").exists(),
        # TFMA adds float32 numbers in the order in which Beam's bundles arrive.
        "metrics": {name: f"{value:.4g}" for name, value in record["metrics"].items()},
    }


def arrays(preset: Path) -> dict[str, bytes]:
    """{name: the bytes of a weight} of a preset folder."""
    import h5py

    found: dict[str, bytes] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()].tobytes()

    with h5py.File(preset / "model.weights.h5") as file:
        file.visititems(note)
    return found


def open_executions(run_dir: Path) -> int:
    """Those that the metadata take for not finished."""
    from ml_metadata.proto import metadata_store_pb2
    from tfx.orchestration import metadata

    kind = metadata_store_pb2.Execution
    connection = metadata.sqlite_metadata_connection_config(str(run_dir / "metadata.sqlite"))
    with metadata.Metadata(connection) as store:
        states = [execution.last_known_state for execution in store.store.get_executions()]
    return sum(state not in (kind.COMPLETE, kind.CACHED) for state in states)


class Notes:
    """What was found so far, in a file: a script that was stopped goes on from it."""

    def __init__(self, work: Path):
        self._path = work / "kills.json"
        self.found: dict[str, Any] = {}
        if self._path.exists():
            self.found = json.loads(self._path.read_text())

    def of(self, kind: str) -> dict[str, Any]:
        return self.found.setdefault(kind, {"kills": [], "runs": [], "unbroken": None})

    def write(self) -> None:
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(self.found, indent=1))
        part.replace(self._path)


def undisturbed(kind: str, work: Path) -> dict[str, Any]:
    """Runs once without a kill; how long its start took, and of a pipeline each component, in seconds."""
    run_dir = work / kind / "unbroken"
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    warm_up()
    if kind == "loops":
        make_data(run_dir.parent / "data")
    began, run = time.monotonic(), start(kind, run_dir, work)
    wait_until(lambda: run.step() > 0 or run.code() is not None)
    told: dict[str, Any] = {"start": time.monotonic() - began}
    if not run.ended_within(LIMIT) or run.code():
        raise SystemExit(f"The unbroken run failed; what it said is in {run.output}.")
    if kind == "pipeline":
        seconds = json.loads((run_dir / "run.json").read_text())["seconds"]
        order = re.findall(r"\] (\w+) …", run.said_now())
        told["components"] = {name: seconds[name] for name in order}
    return told


def kill_until_done(kind: str, run_dir: Path, wanted: int, work: Path, notes: Notes, seed: int):
    """One run, killed until it is done or there are `wanted` kills; returns its last start."""
    told = notes.of(kind)
    run = start(kind, run_dir, work)
    while True:
        killed = told["unbroken"]["killed"] = len(told["kills"])
        # Of the runs too: a moment that came too late would come too late again.
        chance = random.Random(f"{seed} {kind} {killed} {len(told['runs'])}")
        where = KILLS[kind](run, chance, told["unbroken"]) if killed < wanted else None
        if where is None:
            if not run.ended_within(LIMIT):
                run.kill()
            return run
        told["kills"].append(where)
        notes.write()
        print(f"{kind} {killed + 1}/{wanted}: {where}", file=sys.stderr, flush=True)
        if run.code() is not None:
            run = start(kind, run_dir, work)


def try_kind(kind: str, wanted: int, work: Path, notes: Notes, seed: int, until: float) -> None:
    """Kills until there are `wanted` kills, and lets the last run come to its end."""
    told = notes.of(kind)
    if told["unbroken"] is None:
        told["unbroken"] = undisturbed(kind, work)
        notes.write()
    expected = result(kind, work / kind / "unbroken")
    # A run that was killed for the last time when the script was stopped has not been compared.
    while time.monotonic() < until:
        run_dir = work / kind / f"run{len(told['runs'])}"
        if len(told["kills"]) >= wanted and not run_dir.exists():
            return
        run = kill_until_done(kind, run_dir, wanted, work, notes, seed)
        found = {} if run.code() else result(kind, run_dir)
        odd = sorted(name for name in expected if found.get(name) != expected[name])
        said = run.said()
        told["runs"].append(
            {
                "different": odd,
                "raw errors": len(re.findall(r"^Traceback|\w+Error:", said, re.MULTILINE)),
                "smaller evaluation": "died twice in this evaluation" in said,
            }
        )
        notes.write()
        if not odd:
            shutil.rmtree(run_dir)


def table(found: dict[str, Any]) -> Iterator[str]:
    yield "| kind | kills | where | runs | equal | raw errors |"
    yield "|---|---|---|---|---|---|"
    for kind, told in found.items():
        places = collections.Counter(told["kills"]).most_common()
        where = "; ".join(f"{place} {count}" for place, count in places)
        runs = told["runs"]
        equal, raw = sum(not r["different"] for r in runs), sum(r["raw errors"] for r in runs)
        yield f"| {kind} | {len(told['kills'])} | {where} | {len(runs)} | {equal} | {raw} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=list(KILLS), metavar="|".join(KILLS))
    parser.add_argument("--kills", type=int, default=35, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="a folder that is kept, to go on later")
    parser.add_argument("--minutes", type=float, default=120, help="no new run begins after them")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.kinds) - set(KILLS)):
        parser.error(f"{unknown[0]}: expected {', '.join(KILLS)}")
    until = time.monotonic() + 60 * asked.minutes
    with contextlib.ExitStack() as stack:
        work = asked.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work = work.resolve()
        work.mkdir(parents=True, exist_ok=True)
        notes = Notes(work)
        for kind in asked.kinds:
            try_kind(kind, asked.kills, work, notes, asked.seed, until)
        print("\n".join(table(notes.found)))
        runs = [run for told in notes.found.values() for run in told["runs"]]
    sys.exit(1 if any(run["different"] for run in runs) else 0)


if __name__ == "__main__":
    main()
