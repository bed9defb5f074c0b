"""The trial of `try_airflow.sh`, in Airflow's environment.

What happened is asked of Airflow's database and of ML Metadata, never of what the tasks say.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from airflow.models import DagRun, TaskInstance
from airflow.utils.session import create_session

from perceiver_keras.pipeline.graph import RUN_TYPE, read_executions
from perceiver_keras.pipeline.store import notes_of, open_store

DAG, KILLED = "digits", "Trainer"
STEPS = 200
SETTINGS = (f"train.steps={STEPS}", "train.checkpoint_every=20", "evaluate.thresholds.accuracy=0.3")
RESOLVERS = {"accepted_schema", "baseline"}  # never cached
OURS = {"begin", "finish"}
PATIENCE = 45 * 60  # seconds, on a machine with other work


class Wrong(Exception):
    """Something was not as it should be; the message says what."""


def main(run_dir: Path) -> int:
    overrides = [word for setting in SETTINGS for word in ("--set", setting)]
    home = Path(os.environ["AIRFLOW_HOME"])
    log = home / "scheduler.log"
    (home / "dags").mkdir(parents=True)
    compiling = [
        "-m",
        "perceiver_keras.pipeline.airflow_runner",
        "image_classification",
        *overrides,
    ]
    compiling += ["--run-dir", str(run_dir), "--dag-id", DAG, "--schedule", "*/2 * * * *"]
    compiling += ["--retries", "2", "--retry-minutes", "0", "-o", str(home / "dags" / "digits.py")]
    try:
        call("compiling the DAG", sys.executable, *compiling)
        call("Airflow's database", "airflow", "db", "migrate")
        with scheduler(log) as process:
            first = until("the first scheduled run begins", lambda: run_of(0), process)
            kill(run_dir, process)
            until(f"{first} ends well", lambda: ended_well(first), process)
            second = until("a second scheduled run begins", lambda: run_of(1), process)
            until(f"{second} ends well", lambda: ended_well(second), process)
        check_first(run_dir, first)
        check_second(run_dir, first, second)
        lineage = call("perceiver lineage", "perceiver", "lineage", str(run_dir))
        expect("the lineage names the pushed version", "pushed 2" in lineage, lineage[:300])
        again = ["perceiver", "run", "image_classification", *overrides, "--run-dir", str(run_dir)]
        said = call("perceiver run in the same folder", *again)
        cached = said.count("unchanged, from the cache")
        expect("perceiver run takes all of it from the cache", cached == 14, f"{cached} of 14")
    except Wrong as wrong:
        if log.exists():
            print(log.read_text()[-3000:], file=sys.stderr)
        show_failed(home)
        print(f"failed: {wrong}", file=sys.stderr)
        return 1
    print("all works")
    return 0


# === Airflow ===


@contextlib.contextmanager
def scheduler(log: Path) -> Iterator[subprocess.Popen]:
    """`airflow scheduler`, and all that it has started, until the end of the block."""
    with log.open("w") as file:
        process = subprocess.Popen(
            ["airflow", "scheduler", "--skip-serve-logs"], stdout=file, stderr=file
        )
        try:
            yield process
        finally:
            # At once: a third run, which is due, must not begin.
            family = below(process)
            process.kill()
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()


def below(process: subprocess.Popen) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def run_of(number: int) -> str | None:
    """The scheduled run of that number."""
    with create_session() as session:
        asked = session.query(DagRun.run_id).filter(
            DagRun.dag_id == DAG, DagRun.run_type == "scheduled"
        )
        found = [row.run_id for row in asked.order_by(DagRun.execution_date)]
    return found[number] if len(found) > number else None


def ended_well(run: str) -> bool:
    with create_session() as session:
        asked = session.query(DagRun.state).filter(DagRun.dag_id == DAG, DagRun.run_id == run)
        state = str(asked.scalar())
    if state == "failed":
        raise Wrong(f"{run} has failed: {tasks(run)}")
    return state == "success"


def tasks(run: str) -> dict[str, tuple[str, int]]:
    """{task: (state, number of tries)}."""
    with create_session() as session:
        found = session.query(TaskInstance).filter(
            TaskInstance.dag_id == DAG, TaskInstance.run_id == run
        )
        return {one.task_id: (str(one.state), one.try_number) for one in found}


def kill(run_dir: Path, process: subprocess.Popen) -> None:
    """kill -9 of the process that trains, when it has trained for a while."""

    def at_work() -> psutil.Process | None:
        if not list(run_dir.glob("training/*/**/ckpt-40.index")):
            return None
        title = f"airflow task runner: {DAG} {KILLED} "
        for one in below(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                if " ".join(one.cmdline()).startswith(title):
                    return one
        return None

    found = until(f"{KILLED} has trained for 40 steps", at_work, process)
    found.kill()
    print(f"  killed process {found.pid} with -9", flush=True)


def until(what: str, asked: Callable[[], Any], process: subprocess.Popen) -> Any:
    """Waits for an answer that is not false, and returns it."""
    start = time.monotonic()
    while not (answer := asked()):
        if process.poll() is not None:
            raise Wrong(f"the scheduler ended with {process.returncode} before {what}")
        if time.monotonic() - start > PATIENCE:
            raise Wrong(f"{what}: not within {PATIENCE // 60} minutes")
        time.sleep(0.2)
    print(f"{what}: after {time.monotonic() - start:.0f} s", flush=True)
    return answer


def show_failed(home: Path) -> None:
    """The end of each task's log that holds an error."""
    for path in sorted((home / "logs").glob(f"dag_id={DAG}/*/*/*.log")):
        text = path.read_text(errors="replace")
        if " ERROR - " in text:
            print(f"--- {path}\n{text[-2500:]}", file=sys.stderr)


# === What it left ===


def check_first(run_dir: Path, run: str) -> None:
    tried = tasks(run)
    print(json.dumps(tried))
    wrong = {name: how for name, how in tried.items() if how[0] != "success"}
    expect("every task has ended well", not wrong, wrong)
    expect(f"{KILLED} was tried twice", tried[KILLED][1] == 2, tried[KILLED])
    more = {name: how for name, how in tried.items() if how[1] != 1 and name != KILLED}
    expect("all others once", not more, more)
    logs = Path(os.environ["AIRFLOW_HOME"], "logs", f"dag_id={DAG}", f"run_id={run}")
    said = (logs / f"task_id={KILLED}" / "attempt=2.log").read_text()
    going_on = [line for line in said.splitlines() if "Going on from step" in line]
    expect("its second try goes on from a checkpoint", going_on, said[-1500:])
    print(f"  {going_on[0].strip()}")

    executions = executions_of(run_dir, run)
    twice = {name: n for name, n in Counter(e.component for e in executions).items() if n != 1}
    expect("one execution per component", not twice, twice)
    expect("of every component", {e.component for e in executions} == tried.keys() - OURS, tried)
    states = Counter(e.state for e in executions)
    expect("all complete", set(states) == {"COMPLETE"}, states)
    made = Counter(
        (e.component, name)
        for e in executions
        for name, ids in e.outputs.items()
        for _ in ids
        if e.component not in RESOLVERS
    )
    expect("one artifact per output", set(made.values()) == {1}, made)
    stored = len(open_store(run_dir).get_artifacts())
    expect("the store has no other artifact", stored == len(made), f"{stored}, not {len(made)}")
    folders = Counter(path.parent for path in (run_dir / "artifacts").glob("*/*/[0-9]*"))
    expect("one folder per output", set(folders.values()) == {1}, folders)
    versions = [path for path in (run_dir / "pushed").iterdir() if path.name.isdecimal()]
    expect("one version was pushed", len(versions) == 1, versions)
    print(
        f"first run: {len(executions)} executions, {stored} artifacts, version {versions[0].name}"
    )


def check_second(run_dir: Path, first: str, second: str) -> None:
    tried = tasks(second)
    wrong = {name: how for name, how in tried.items() if how != ("success", 1)}
    expect("every task of the second run has ended well, at once", not wrong, wrong)
    executions = executions_of(run_dir, second)
    ran = {e.component for e in executions if e.state != "CACHED"}
    expect("all but the resolvers come from the cache", ran == RESOLVERS, ran)
    before = {i for e in executions_of(run_dir, first) for ids in e.outputs.values() for i in ids}
    new = {i for e in executions for ids in e.outputs.values() for i in ids} - before
    expect("nothing new was made", not new, new)
    record = json.loads((run_dir / "run.json").read_text())
    expect("run.json says pushed", record["blessed"] and record["pushed_model"], record)
    expect(
        "and cached", len(record["cached"]) == len(executions) - len(RESOLVERS), record["cached"]
    )
    expect("no run is left unfinished", not (run_dir / "unfinished.json").exists(), "")
    metrics = {name: round(value, 4) for name, value in record["metrics"].items()}
    print(f"second run: {len(record['cached'])} of {len(executions)} from the cache; {metrics}")


def executions_of(run_dir: Path, run: str) -> list[Any]:
    """The executions of one of Airflow's runs in ML Metadata."""
    store = open_store(run_dir)
    for context in store.get_contexts_by_type(RUN_TYPE):
        if notes_of(context).get("engine_run") == f"{DAG} {run}":
            found = store.get_executions_by_context(context.id)
            return list(read_executions(store, {one.id for one in found}).values())
    raise Wrong(f"the metadata of {run_dir} know no run {run}")


def expect(what: str, good: Any, found: Any) -> None:
    if not good:
        raise Wrong(f"expected: {what}; found {found}")


def call(what: str, *command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Wrong(f"{what} ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, lambda *given: sys.exit(143)
    )  # the scheduler must not outlive this
    sys.exit(main(Path(sys.argv[1])))
