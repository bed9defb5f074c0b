"""`perceiver launch --workers N -- train TASK`: several workers on this machine, watched and started again."""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

import click

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import say
from perceiver_keras.errors import UsageError

EXAMPLES = """\b
Examples:
  perceiver launch --workers 2 -- train image_classification
  perceiver launch --workers 4 --gpus-per-worker 2 -- train glue --config mine.yaml
  perceiver launch --workers 2 --restarts 0 -- train optical_flow --run-dir runs/flow
  perceiver launch --workers 2 -- run image_classification
  perceiver launch --workers 4 --hosts train-{index}.train:2222 -- train glue

\b
Each worker gets TF_CONFIG and `--set train.strategy=multi_worker`; the first one
saves and reports for all (of `run`, only the Trainer has several). If one is killed, all start again and go on from the
last checkpoint. SIGTERM or Ctrl-C saves, and all leave. The exit code is that of
the command, 143 after SIGTERM and 130 after Ctrl-C.

\b
With --hosts this process becomes one of the workers, which other machines have
the others of: JOB_COMPLETION_INDEX says which, as in an Indexed Job of Kubernetes.
"""
# Tells the Trainer of `perceiver run` what to start, as JSON.
WORKERS = "PERCEIVER_WORKERS"
MULTI_WORKER = "train.strategy=multi_worker"


@click.command("launch", epilog=EXAMPLES)
@click.option("--workers", type=int, metavar="N", help="How many workers there are.")
@click.option(
    "--hosts", metavar="HOST:PORT,…",
    help="The workers' addresses on several machines, or one with {index}; this process is one of them.",
)  # fmt: skip
@click.option(
    "--restarts", type=int, default=3, show_default=True, metavar="N",
    help="How often all start again after one was killed.",
)  # fmt: skip
@click.option(
    "--grace", type=float, default=30.0, show_default=True, metavar="SECONDS",
    help="Time to save and leave after SIGTERM; then the rest are killed.",
)  # fmt: skip
@click.option(
    "--gpus-per-worker", type=int, metavar="N",
    help="GPUs of each worker.  [default: all there are, shared equally]",
)  # fmt: skip
@options.common_options
@click.argument("arguments", nargs=-1, required=True, metavar="-- train TASK …")
def command(
    workers: int | None,
    hosts: str | None,
    restarts: int,
    grace: float,
    gpus_per_worker: int | None,
    arguments: tuple[str, ...],
) -> int:
    """Train with N workers on this machine, which are watched and started again if one is killed."""
    from perceiver_keras.training import supervisor

    if hosts is not None:
        return _become(hosts, workers, arguments)
    if workers is None:
        raise UsageError("Say how many workers to start: --workers N.")
    for name, value, least in (("workers", workers, 1), ("restarts", restarts, 0)):
        if value < least:
            raise UsageError(f"--{name}: expected {least} or more, got {value}.")
    if grace <= 0:
        raise UsageError(f"--grace: expected more than 0 seconds, got {grace:g}.")
    if arguments[0] not in ("train", "run"):
        raise UsageError(
            f"perceiver launch starts `train` or `run`, got {arguments[0]!r}; write perceiver launch --workers "
            f"{workers} -- train TASK."
        )
    gpus = supervisor.count_gpus()
    if gpus_per_worker is not None and not 0 < workers * gpus_per_worker <= gpus:
        raise UsageError(
            f"--gpus-per-worker {gpus_per_worker}: {workers} workers need {workers * gpus_per_worker} GPUs, and there "
            f"are {gpus}."
        )
    command = [sys.executable, "-m", "perceiver_keras.cli", *arguments, "--set", MULTI_WORKER]
    devices = supervisor.devices(workers, gpus_per_worker, gpus)
    asked = {"workers": workers, "restarts": restarts, "grace": grace, "devices": devices}
    if arguments[0] == "run":  # one pipeline, whose Trainer starts the workers
        os.environ[WORKERS] = json.dumps(asked)
        os.execv(sys.executable, command)
    say(f"Starting {workers} workers …")
    plan = supervisor.Plan(command=command, **asked)
    return supervisor.supervise(plan, lambda text: click.echo(text, err=True))


def _become(hosts: str, workers: int | None, arguments: tuple[str, ...]) -> NoReturn:
    """Makes this process the worker that it is said to be: signals and the exit code are that worker's own."""
    from perceiver_keras.training import cluster

    if arguments[0] != "train":
        raise UsageError(
            f"--hosts is for `train`, got {arguments[0]!r}; a pipeline on a cluster is made by perceiver compile."
        )
    addresses = cluster.addresses_of(hosts, workers)
    os.environ[cluster.VARIABLE] = cluster.to_text(addresses, cluster.index_here(len(addresses)))
    os.execv(
        sys.executable,
        [sys.executable, "-m", "perceiver_keras.cli", *arguments, "--set", MULTI_WORKER],
    )
