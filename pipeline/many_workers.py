"""The Trainer's work, done by several processes of this machine: `perceiver launch --workers N -- run TASK`.

TensorFlow must know of other workers before it does anything, and in the process that runs the pipeline it has already
read and transformed the data. So the Trainer starts workers of their own, which call the same `run_fn`. Where a
platform calls `run_fn` once per worker, as Vertex AI does, TF_CONFIG says so, and nothing is started here.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from perceiver_keras.config import TrainConfig
from perceiver_keras.errors import PerceiverError, UsageError, first_line
from perceiver_keras.training.cluster import VARIABLE
from perceiver_keras.training.sigterm import TERMINATED
from perceiver_keras.training.supervisor import Plan, supervise

# What `perceiver launch` wants, as JSON.
WORKERS = "PERCEIVER_WORKERS"
# What `run_fn` reads of TFX's arguments.
_ARGUMENTS = (
    *("custom_config", "hyperparameters", "train_files", "eval_files", "transform_graph_path"),
    *("serving_model_dir", "model_run_dir"),
)


def check(train: TrainConfig) -> None:
    """To be called before a pipeline starts on this machine.

    Raises:
      UsageError: several workers are wanted, but not how many; or the pipeline itself was started once per worker; or
        several settings are to be tried.
    """
    if train.strategy != "multi_worker":
        return
    if os.environ.get(VARIABLE):
        raise UsageError(
            f"perceiver run with train.strategy=multi_worker starts its workers itself, but {VARIABLE} is set: unset "
            "it, or use perceiver train on several machines."
        )
    if train.search:
        raise UsageError(
            "train.search can't be used with train.strategy=multi_worker; search with one worker first."
        )
    wanted()


def wanted() -> dict[str, Any]:
    """What `perceiver launch` was asked for: `workers`, `restarts`, `grace` and `devices`, as `Plan` has them.

    Raises:
      UsageError: it was not used.
    """
    if WORKERS not in os.environ:
        raise UsageError(
            "perceiver run with train.strategy=multi_worker must know how many workers to start; write perceiver "
            "launch --workers N -- run TASK."
        )
    return json.loads(os.environ[WORKERS])


def starts_them(train: TrainConfig) -> bool:
    """Whether this process is none of the workers and has to start them."""
    return train.strategy == "multi_worker" and not os.environ.get(VARIABLE)


def run_apart(fn_args: Any) -> None:
    """Calls `run_fn` with these arguments in each of several new processes.

    Raises:
      PerceiverError: what the first worker that failed said.
      SystemExit: with 143, if this process or a worker was asked to leave.
    """
    asked = wanted()
    with tempfile.TemporaryDirectory(prefix="perceiver_workers_") as folder:
        job = Path(folder, "job.json")
        job.write_text(json.dumps({name: getattr(fn_args, name) for name in _ARGUMENTS}))
        plan = Plan(
            command=[sys.executable, "-m", "perceiver_keras.pipeline.many_workers", str(job)],
            **asked,
        )
        code = supervise(plan, lambda text: print(text, file=sys.stderr, flush=True))
        errors = sorted(Path(folder).glob("error-*"), key=lambda path: path.stat().st_mtime_ns)
        said = [path.read_text() for path in errors]
    if code in (TERMINATED, 130):
        raise SystemExit(code)
    if code:
        raise PerceiverError(said[0] if said else f"The workers ended with exit code {code}.")


def main(job: str) -> int:
    """One worker: calls `run_fn`; an error is one line on stderr and in a file next to the job."""
    from perceiver_keras.pipeline.user_module import run_fn

    try:
        run_fn(SimpleNamespace(**json.loads(Path(job).read_text())))
    except Exception as error:
        message = str(error) if isinstance(error, PerceiverError) else first_line(error)
        Path(job).with_name(f"error-{os.getpid()}").write_text(message)
        print(f"Error: {message}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
