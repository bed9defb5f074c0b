"""Could a server serve this model? TFX's InfraValidator asks Docker or Kubernetes; this asks a fresh process.

It compares the graph's ops with those of TensorFlow Serving, then starts a Python process that can't import our
package, loads the export there, replays its warm-up requests and compares the answers with those that the trainer
recorded. The output is the standard InfraBlessing that Pusher takes. A refusal is a verdict, not a crash: the model
isn't pushed, and the cause is in the log, in the artifact's property `cause` and in its files.
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

# The first two are the names that TFX's InfraValidator uses.
BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"
VERDICT_FILE = "verdict.json"
CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "serving_check.py")


def validate(folder: str, *, timeout_seconds: int = 300, tolerance: float = 1e-5) -> dict[str, Any]:
    """Checks the SavedModel in `folder`.

    Args:
      folder: The folder of saved_model.pb.
      timeout_seconds: When the fresh process is killed.
      tolerance: The relative difference that is allowed between an answer and the trainer's.

    Returns:
      {"cause": why it is refused, or None, "records": how many warm-up requests were replayed, "load_seconds",
      "slowest_seconds": of one request, "latency": `serving_check.latency`'s answer, or None}.
    """
    verdict = {
        "cause": None,
        "records": 0,
        "load_seconds": 0.0,
        "slowest_seconds": 0.0,
        "latency": None,
    }
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
    # -I keeps out this folder, PYTHONPATH and the user's packages. It runs on the CPU because this process may hold
    # the whole GPU, and because the trainer's answers were recorded on the CPU.
    command = [sys.executable, "-I", CHECK, site, os.path.abspath(folder), repr(tolerance), result]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    try:
        done = subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        cause = f"it was not loaded and tried within {timeout} s; raise timeout_seconds if it is just slow"
        return {"cause": cause}
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return {"cause": f"the process that tried it was killed by {name}" + _memory_hint(name)}
    if done.returncode or not os.path.exists(result):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1][:300]
        return {"cause": f"the process that tried it ended with {done.returncode}: {last}"}
    with open(result) as file:
        return json.load(file)


def latency_of(uri: str) -> dict[str, Any] | None:
    """How long the served model takes, as the InfraBlessing at `uri` has it; None if it was not measured."""
    path = os.path.join(uri, VERDICT_FILE)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read()).get("latency")


def _memory_hint(name: str) -> str:
    return " (out of memory?)" if name == "SIGKILL" else ""


@component
def ServingValidator(  # noqa: N802 - a component's name
    model: InputArtifact[Model],
    blessing: OutputArtifact[InfraBlessing],
    timeout_seconds: Parameter[int] = 300,
    tolerance: Parameter[float] = 1e-5,
) -> None:
    """Blesses the model if `validate` finds nothing against it.

    Args:
      model: The Trainer's.
      blessing: With the custom properties `blessed` (1 or 0), `cause` (a text, empty if blessed) and `records`.
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
            "Fit to be served: %d warm-up requests were answered as in training.",
            verdict["records"],
        )
