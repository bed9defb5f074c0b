"""Which of several workers this process is: `TF_CONFIG`, read and checked before TensorFlow reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perceiver_keras.errors import UsageError

VARIABLE = "TF_CONFIG"
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
        job, index = str(found["task"]["type"]), int(found["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
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


def to_text(addresses: Sequence[str], index: int) -> str:
    """The value of `TF_CONFIG` for worker `index` of those at these addresses."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def _addresses(value: Any) -> tuple[str, ...]:
    # TensorFlow also takes {"0": address, "2": address}; gaps would make the number of a worker ambiguous.
    if not isinstance(value, list):
        raise ValueError(f"expected a list of HOST:PORT, got {value!r}")
    for address in value:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"expected HOST:PORT, got {address!r}")
    return tuple(str(address) for address in value)
