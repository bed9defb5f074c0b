"""Would a server serve this model? TFX's InfraValidator asks Docker or Kubernetes; this asks a fresh process.

It reads the graph's ops against TensorFlow Serving's, then starts a Python in which our package can't be imported,
loads the export there, replays its warm-up requests and compares with the answers that the trainer recorded. The
output is the standard InfraBlessing that Pusher takes. A refusal is a verdict and no crash: the model isn't pushed, and
the cause stands in the log, in `cause` of the artifact and in its files.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import Any

import tensorflow as tf
from absl import logging
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import InfraBlessing, Model
from tfx.utils import io_utils, path_utils

from perceiver_keras.errors import PerceiverError
from perceiver_keras.saved_model import disallowed_ops, missing_files

# The names that TFX's InfraValidator uses, and what we add.
BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"
VERDICT_FILE = "verdict.json"
CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "serving_check.py")


def validate(folder: str, *, timeout_seconds: int = 300, tolerance: float = 1e-5) -> dict[str, Any]:
    """Checks the SavedModel in `folder`.

    Args:
      folder: Where saved_model.pb lies.
      timeout_seconds: The fresh process is killed after so long.
      tolerance: By how much, relatively, an answer may differ from the trainer's.

    Returns:
      {"cause": None or why it is refused, "records": warm-up requests replayed, "load_seconds",
      "slowest_seconds": of one request}.
    """
    verdict = {"cause": None, "records": 0, "load_seconds": 0.0, "slowest_seconds": 0.0}
    try:
        if missing := missing_files(folder):
            return verdict | {"cause": f"it is half-written: {', '.join(missing)} missing"}
        if refused := disallowed_ops(folder):
            cause = f"TensorFlow Serving 2.15.1 lacks the ops {', '.join(sorted(refused))}"
            return verdict | {"cause": cause}
    except PerceiverError as error:
        return verdict | {"cause": str(error)}
    with tempfile.TemporaryDirectory() as scratch:
        return verdict | _in_a_fresh_process(folder, timeout_seconds, tolerance, scratch)


def _in_a_fresh_process(
    folder: str, timeout: int, tolerance: float, scratch: str
) -> dict[str, Any]:
    result = os.path.join(scratch, "result.json")
    site = os.path.dirname(os.path.dirname(os.path.abspath(tf.__file__)))
    # -I: neither this folder, nor PYTHONPATH, nor the user's packages. On the CPU: this process may hold the
    # whole GPU, and the trainer's answers were recorded on the CPU as well.
    command = [sys.executable, "-I", CHECK, site, os.path.abspath(folder), repr(tolerance), result]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    try:
        done = subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        cause = f"it was not loaded and tried within {timeout} s; raise timeout_seconds if it is only slow"
        return {"cause": cause}
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return {"cause": f"the process that tried it was killed by {name}" + _memory_hint(name)}
    if done.returncode or not os.path.exists(result):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1][:300]
        return {"cause": f"the process that tried it ended with {done.returncode}: {last}"}
    with open(result) as file:
        return json.load(file)


def _memory_hint(name: str) -> str:
    return " (out of memory?)" if name == "SIGKILL" else ""


@component
def ServingValidator(  # noqa: N802 - a component's name
    model: InputArtifact[Model],
    blessing: OutputArtifact[InfraBlessing],
    timeout_seconds: Parameter[int] = 300,
    tolerance: Parameter[float] = 1e-5,
) -> None:
    """Blesses the model where `validate` finds no cause against it.

    Args:
      model: From Trainer.
      blessing: Custom properties `blessed` (1 or 0), `cause` (words, empty when blessed), `records`.
      timeout_seconds: As in `validate`.
      tolerance: As in `validate`.
    """
    folder = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    verdict = validate(folder, timeout_seconds=timeout_seconds, tolerance=tolerance)
    cause = verdict["cause"] or ""
    blessing.set_int_custom_property("blessed", 0 if cause else 1)
    blessing.set_int_custom_property("records", verdict["records"])
    blessing.set_string_custom_property("cause", cause)
    name = NOT_BLESSED_FILE if cause else BLESSED_FILE
    io_utils.write_string_file(os.path.join(blessing.uri, name), cause)
    io_utils.write_string_file(os.path.join(blessing.uri, VERDICT_FILE), json.dumps(verdict))
    if cause:
        logging.error(
            "Not fit to be served, so it won't be pushed: %s. The model: %s", cause, folder
        )
    else:
        logging.info(
            "Fit to be served: %d warm-up requests answered as in training.", verdict["records"]
        )
