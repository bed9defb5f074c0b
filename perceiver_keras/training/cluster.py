"""Which of several workers this process is: `TF_CONFIG`, read and checked before TensorFlow reads it."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perceiver_keras.errors import UsageError

VARIABLE = "TF_CONFIG"
# Kubernetes sets it in each pod of an Indexed Job.
INDEX = "JOB_COMPLETION_INDEX"
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Cluster:
    """The workers of one training run, and the place of this process among them.

    Attributes:
      addresses: HOST:PORT of each worker; the first is the chief, who saves and reports for all.
      index: Of this process in `addresses`.
      jobs: How TensorFlow names them: (job, number of tasks), in the order of `addresses`.
    """

    addresses: tuple[str, ...]
    index: int
    jobs: tuple[tuple[str, int], ...]

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    def name(self, index: int) -> str:
        """How messages call a worker."""
        return f"worker {index}{' (the chief)' if index == 0 else ''} at {self.addresses[index]}"

    def task(self, job: str, number: int) -> str:
        """How messages call what TensorFlow calls task `number` of `job`."""
        before = [count for name, count in self.jobs[: [name for name, _ in self.jobs].index(job)]]
        return self.name(sum(before) + number)


def from_environment(environment: Mapping[str, str] = os.environ) -> Cluster:
    """The cluster that `TF_CONFIG` describes: jobs "chief" (at most one task) and "worker".

    Raises:
      UsageError: there is no `TF_CONFIG`, or it is not one of a training worker; the message says what it should be.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        raise UsageError(
            "train.strategy=multi_worker: TF_CONFIG is not set. On one machine, `perceiver launch --workers N -- "
            f"train TASK` sets it; on several, set it for each worker, such as {VARIABLE}='{_EXAMPLE}'."
        )
    try:
        found = json.loads(text)
        jobs = {str(job): _addresses(value) for job, value in found["cluster"].items()}
        job, index = str(found["task"]["type"]), _index(found["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{VARIABLE} can't be read ({type(error).__name__}: {error}); expected JSON such as {_EXAMPLE}."
        ) from None
    if extra := sorted(jobs.keys() - {"chief", "worker"}):
        raise UsageError(
            f"{VARIABLE}: train.strategy=multi_worker has the jobs chief and worker, found {extra[0]!r}; remove it."
        )
    if len(jobs.get("chief", ())) > 1:
        raise UsageError(f"{VARIABLE}: there is one chief at most, found {len(jobs['chief'])}.")
    if not 0 <= index < len(jobs.get(job, ())):
        known = ", ".join(f"{name} 0 to {len(tasks) - 1}" for name, tasks in jobs.items() if tasks)
        raise UsageError(
            f"{VARIABLE}: this is task {job} {index}, but the cluster has {known or 'no task'}."
        )
    ordered = [(name, jobs[name]) for name in ("chief", "worker") if jobs.get(name)]
    addresses = tuple(address for _, tasks in ordered for address in tasks)
    if twice := sorted({address for address in addresses if addresses.count(address) > 1}):
        raise UsageError(f"{VARIABLE}: {twice[0]} is the address of two workers.")
    before = len(jobs.get("chief", ())) if job == "worker" else 0
    sizes = tuple((name, len(tasks)) for name, tasks in ordered)
    return Cluster(addresses, before + index, sizes)


def is_chief_here(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the one that writes: the chief, or the only one."""
    return not environment.get(VARIABLE, "").strip() or from_environment(environment).is_chief


def check_port(cluster: Cluster) -> None:
    """To be called before this worker's TensorFlow listens on its port.

    Raises:
      UsageError: another process does already.
    """
    port = int(cluster.addresses[cluster.index].rpartition(":")[2])
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # As TensorFlow's server does: on all addresses of this machine.
            tried.bind(("", port))
        except OSError as error:
            used = error.errno == errno.EADDRINUSE
            advice = (
                "another process uses it, perhaps a worker with the same task index, or one of an earlier run: end it, "
                "or name a free port."
                if used
                else f"{error.strerror}; name another port."
            )
            raise UsageError(
                f"{VARIABLE}: {cluster.name(cluster.index)} can't listen on port {port} of this machine: {advice}"
            ) from None


def to_text(addresses: Sequence[str], index: int) -> str:
    """The value of `TF_CONFIG` for worker `index` of those at these addresses."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def addresses_of(hosts: str, workers: int | None) -> list[str]:
    """The HOST:PORT of each worker.

    Args:
      hosts: They all, with commas between them, or a pattern with `{index}` in it, such as "train-{index}.train:2222".
      workers: How many there are; None: as many as `hosts` lists.

    Raises:
      UsageError: `hosts` is neither, or lists another number.
    """
    if "{index}" in hosts:
        if workers is None:
            raise UsageError(
                f"--hosts {hosts} is a pattern; say how many workers with --workers N."
            )
        found = [hosts.replace("{index}", str(index)) for index in range(workers)]
    else:
        found = [host.strip() for host in hosts.split(",")]
    try:
        checked = list(_addresses(found))
    except ValueError as error:
        raise UsageError(
            f"--hosts {hosts}: {error}; write host0:2222,host1:2222, or name-{{index}}.service:2222."
        ) from None
    if workers is not None and len(checked) != workers:
        raise UsageError(f"--hosts lists {len(checked)} workers, and --workers is {workers}.")
    return checked


def index_here(workers: int, environment: Mapping[str, str] = os.environ) -> int:
    """Which of the workers this pod of an Indexed Job is.

    Raises:
      UsageError: `JOB_COMPLETION_INDEX` is not set, or names none of the workers.
    """
    text = environment.get(INDEX, "").strip()
    if not text:
        raise UsageError(
            f"--hosts: which of the {workers} workers this process is must be in {INDEX} (0 to {workers - 1}); "
            "Kubernetes sets it in an Indexed Job."
        )
    if not text.isdecimal() or int(text) >= workers:
        raise UsageError(f"{INDEX}: expected 0 to {workers - 1}, got {text!r}.")
    return int(text)


def _index(value: Any) -> int:
    if isinstance(value, bool) or not str(value).lstrip("-").isdigit():
        raise ValueError(f"expected a whole number as task index, got {value!r}")
    return int(value)


def _addresses(value: Any) -> tuple[str, ...]:
    # TensorFlow also takes {"0": address, "2": address}; gaps would make the number of a worker ambiguous.
    if not isinstance(value, list):
        raise ValueError(f"expected a list of HOST:PORT, got {value!r}")
    for address in value:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"expected HOST:PORT, got {address!r}")
    return tuple(str(address) for address in value)
