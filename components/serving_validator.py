"""Could a server serve this model? TFX's InfraValidator asks Docker or Kubernetes; this asks a fresh process.

It compares the graph's ops with those of TensorFlow Serving, then starts a Python process that can't import our
package, loads the export there, replays its warm-up requests and compares the answers with those that the trainer
recorded. The output is the standard InfraBlessing that Pusher takes. A refusal is a verdict, not a crash: the model
isn't pushed, and the cause is in the log, in the artifact's property `cause` and in its files.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import Artifact, artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils

from perceiver_keras.components.model.transform_graph import TransformGraph
from perceiver_keras.components.serving import declared, serving_skew
from perceiver_keras.data.store.records import file_records
from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.files import write_json
from perceiver_keras.policy import precision
from perceiver_keras.saved_model import disallowed_ops, missing_files
from perceiver_keras.tasks import preset_folder, registry
from perceiver_keras.tasks.model import load

# The first two are the names that TFX's InfraValidator uses.
BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"
VERDICT_FILE = "verdict.json"
TEST_SPLIT = "test"
# How far serving may be from training, relative to the largest value of an answer: by rounding, in another order.
SKEW_TOLERANCE = 1e-4
HALF_SKEW_TOLERANCE = 3e-2  # of models trained in half precision
CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "serving", "serving_check.py")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a served model may cost, by the names of the settings in `evaluate`; None: anything."""

    max_latency_ms: float | None = None
    max_slowdown: float | None = None
    max_load_seconds: float | None = None
    max_memory_mb: float | None = None
    max_size_mb: float | None = None

    def cause(self, verdict: Mapping[str, Any]) -> str | None:
        """Which bounds a verdict's measurements exceed, or None."""
        requests = (verdict["latency"] or {}).get("requests")
        slowdown = "times the one-example latency of the last blessed model in the same process"
        found = {
            "max_latency_ms": (
                requests and requests[0]["p95_ms"],
                "ms, 95th percentile of one example",
            ),
            "max_slowdown": (verdict["slowdown"], slowdown),
            "max_load_seconds": (verdict["load_seconds"], "s to load"),
            "max_memory_mb": (_mib(verdict["peak_memory_bytes"]), "MiB of memory at the peak"),
            "max_size_mb": (_mib(verdict["size_bytes"]), "MiB on disk"),
        }
        exceeded = [
            f"evaluate.{name} is {bound:g} and it takes {value:.4g} {what}"
            for name, (value, what) in found.items()
            if (bound := getattr(self, name)) is not None and value is not None and value > bound
        ]
        return "; ".join(exceeded) or None


Ask = Callable[[str], float]


def validate(
    folder: str,
    *,
    timeout_seconds: int = 300,
    tolerance: float = 1e-5,
    baseline: str | None = None,
    bounds: Bounds = Bounds(),
    ask: Ask | None = None,
    wrong: str | None = None,
) -> dict[str, Any]:
    """Checks the SavedModel in `folder`.

    Args:
      folder: The folder of saved_model.pb.
      timeout_seconds: When the fresh process is killed.
      tolerance: The relative difference that is allowed between an answer and the trainer's.
      baseline: The folder of the last blessed model's saved_model.pb, to be timed next to it.
      bounds: What it may cost.
      ask: Writes what the trained model answers to stored examples (`serving_skew.write_requests`) to the path it is
        given, while the fresh process starts, and returns the tolerance for these answers; None: training and serving
        are not compared.
      wrong: What its files declare that can't be right; then it is not tried.

    Returns:
      {"cause": why it is refused, or None, "records": how many warm-up requests were replayed, "load_seconds",
      "slowest_seconds": of one request, "latency": `serving_check.latency`'s answer, or None, "size_bytes": on disk,
      "peak_memory_bytes": of the process that loaded and answered, "baseline": {"latency", "note"} or None,
      "slowdown": how many times slower than the baseline, or None, "skew": `serving_check.Skew`'s summary, or None}.
    """
    verdict = {
        "cause": None,
        "records": 0,
        "load_seconds": 0.0,
        "slowest_seconds": 0.0,
        "latency": None,
        "size_bytes": size_of(folder),
        "peak_memory_bytes": None,
        "baseline": None,
        "slowdown": None,
        "skew": None,
    }
    try:
        if missing := missing_files(folder):
            return verdict | {"cause": f"it is half-written: {', '.join(missing)} missing"}
        if refused := disallowed_ops(folder):
            cause = f"TensorFlow Serving 2.15.1 lacks the ops {', '.join(sorted(refused))}"
            return verdict | {"cause": cause}
        if wrong:
            return verdict | {"cause": wrong}
    except PerceiverError as error:
        return verdict | {"cause": str(error)}
    job = {
        "folder": os.path.abspath(folder),
        "tolerance": tolerance,
        "baseline": baseline and os.path.abspath(baseline),
        "max_latency_ms": bounds.max_latency_ms,
        "max_slowdown": bounds.max_slowdown,
    }
    with tempfile.TemporaryDirectory() as scratch:
        verdict |= _in_a_fresh_process(job, timeout_seconds, scratch, ask)
    return verdict | {"cause": verdict["cause"] or bounds.cause(verdict)}


def _in_a_fresh_process(
    job: Mapping[str, Any], timeout: int, scratch: str, ask: Ask | None
) -> dict[str, Any]:
    place = Path(scratch)
    result, asked, requests = place / "result.json", place / "asked.json", place / "requests"
    files = {"asked": str(asked) if ask else None, "result": str(result)}
    write_json(place / "job.json", {**job, **files})
    site = os.path.dirname(os.path.dirname(os.path.abspath(tf.__file__)))
    # -I keeps out this folder, PYTHONPATH and the user's packages. It runs on the CPU because this process may hold
    # the whole GPU, and because the trainer's answers were recorded on the CPU.
    command = [sys.executable, "-I", CHECK, site, str(place / "job.json")]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    with (
        open(place / "said", "w+", errors="replace") as said,
        subprocess.Popen(
            command, cwd=scratch, env=environment, stdout=said, stderr=said
        ) as process,
    ):
        try:
            if ask:  # while the other process imports TensorFlow
                write_json(asked, {"requests": str(requests), "tolerance": ask(str(requests))})
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            cause = f"it was not loaded and tried within {timeout} s; raise timeout_seconds if it is just slow"
            return {"cause": cause}
        except Exception as error:  # of a model with other settings: anything
            kind = "" if isinstance(error, PerceiverError) else f"{type(error).__name__}: "
            cause = f"the trained model fails on stored examples: {kind}{first_line(error)}"
            return {"cause": cause}
        finally:
            process.kill()
        said.seek(0)
        last = (said.read().strip().splitlines() or ["no message"])[-1][:300]
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        return {"cause": f"the process that tried it was killed by {name}" + _memory_hint(name)}
    if process.returncode or not result.exists():
        return {"cause": f"the process that tried it ended with {process.returncode}: {last}"}
    return json.loads(result.read_text())


def size_of(folder: str) -> int:
    """Bytes of all files under `folder`."""
    return sum(
        os.path.getsize(os.path.join(path, name))
        for path, _, names in os.walk(folder)
        for name in names
    )


def training_path(model: Artifact, examples: Artifact, transform_graph: Artifact | None) -> Ask:
    """What the preset folder's model answers to the test split, as `validate` takes it."""

    def ask(path: str) -> float:
        preset = Path(model.uri) / "preset"
        config, about = preset_folder.read(preset)
        # As it was trained, whatever else this process has done.
        with tf.device("/CPU:0"), precision(config.train.precision):
            trained = load(preset)
        records = file_records(f"{artifact_utils.get_split_uri([examples], TEST_SPLIT)}/*")
        transform = None if transform_graph is None else TransformGraph(transform_graph.uri)
        task = registry.get(about["task"])
        serving_skew.write_requests(
            path, task, trained.task_config, trained, about["labels"], records, transform
        )
        return SKEW_TOLERANCE if config.train.precision == "float32" else HALF_SKEW_TOLERANCE

    return ask


def latency_of(uri: str) -> dict[str, Any] | None:
    """How long the served model takes, as the InfraBlessing at `uri` has it; None if it was not measured."""
    path = os.path.join(uri, VERDICT_FILE)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read()).get("latency")


def _mib(size: int | None) -> float | None:
    return None if size is None else size / 2**20


def _memory_hint(name: str) -> str:
    return " (out of memory?)" if name == "SIGKILL" else ""


@component
def ServingValidator(  # noqa: N802 - a component's name
    model: InputArtifact[standard_artifacts.Model],
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    timeout_seconds: Parameter[int] = 300,
    tolerance: Parameter[float] = 1e-5,
    baseline_model: InputArtifact[standard_artifacts.Model] = None,
    examples: InputArtifact[standard_artifacts.Examples] = None,
    transform_graph: InputArtifact[standard_artifacts.TransformGraph] = None,
    max_latency_ms: Parameter[float] = None,
    max_slowdown: Parameter[float] = None,
    max_load_seconds: Parameter[float] = None,
    max_memory_mb: Parameter[float] = None,
    max_size_mb: Parameter[float] = None,
    labels_json: Parameter[str] = "null",
) -> None:
    """Blesses the model if `validate` finds nothing against it.

    Args:
      model: The Trainer's; of the examples, the folder `preset` in it is asked, too.
      blessing: With the custom properties `blessed` (1 or 0), `cause` (a text, empty if blessed) and `records`.
      timeout_seconds: As in `validate`.
      tolerance: As in `validate`.
      baseline_model: The last blessed one; none: speed is not compared.
      examples: Raw ones, with a split "test"; none: training and serving are not compared.
      transform_graph: Transform's, if it changes the task's features.
      max_latency_ms, max_slowdown, max_load_seconds, max_memory_mb, max_size_mb: As in `Bounds`.
      labels_json: The names of the data's classes, which the model's must be; null if it has none.
    """
    folder = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    bounds = Bounds(
        max_latency_ms=max_latency_ms,
        max_slowdown=max_slowdown,
        max_load_seconds=max_load_seconds,
        max_memory_mb=max_memory_mb,
        max_size_mb=max_size_mb,
    )
    options: dict[str, Any] = {"timeout_seconds": timeout_seconds, "tolerance": tolerance}
    if baseline_model is not None:
        old = path_utils.is_old_model_artifact(baseline_model)
        options["baseline"] = path_utils.serving_model_path(baseline_model.uri, old)
    if examples is not None:
        options["ask"] = training_path(model, examples, transform_graph)
        options["wrong"] = declared.contradiction(
            folder, Path(model.uri) / "preset", json.loads(labels_json)
        )
    verdict = validate(folder, bounds=bounds, **options)
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
            "Fit to be served: %d warm-up requests and %d test examples were answered as in training.",
            verdict["records"],
            (verdict["skew"] or {}).get("examples", 0),
        )
