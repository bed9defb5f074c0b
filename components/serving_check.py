"""Loads a SavedModel without our code and replays its warm-up requests: what ServingValidator runs in a fresh process.

`serving_validator` runs it as a script with `python -I`, so it imports nothing of ours, only what a server has:
TensorFlow, the messages of its protocol, and SentencePiece if the graph needs it. It also measures how long a served
request takes.

    python -I serving_check.py SITE FOLDER TOLERANCE RESULT

SITE is the folder that TensorFlow is imported from. RESULT is the file to write: {"cause": null or a text,
"records": n, "load_seconds": s, "slowest_seconds": s, "latency": as `latency` returns it, or null}.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from typing import Any

# Python code that a server lacks. None in sys.modules makes an import fail even if the package is installed.
ABSENT = (
    "perceiver_keras",
    "components",
    "pipeline",
    "tests",
    "tensorflow_addons",
    "tensorflow_io",
)
SIGNATURES = ("serving_default", "serving_examples", "serving_tensors", "evaluate")
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TensorFlow Serving's limit
MOST_REPEATS = 100  # of a timed request
TIMED_SECONDS = 5.0  # after which a request is not repeated again


class Refused(Exception):
    """The message says why the model must not be served."""


def load(folder: str) -> tuple[Any, dict[str, Any]]:
    """The model, which must be kept because its signatures hold the variables only weakly, and its signatures by name.

    SentencePiece's ops are registered only if loading fails without them.
    """
    import tensorflow as tf

    try:
        try:
            model = tf.saved_model.load(folder)
        except Exception as error:
            if "Sentencepiece" not in str(error):
                raise
            import tensorflow_text  # noqa: F401 - registers the ops

            model = tf.saved_model.load(folder)
    except Exception as error:  # a damaged file may raise anything
        raise Refused(f"it doesn't load: {first_line(error)}") from error
    signatures = dict(model.signatures)
    if missing := [name for name in SIGNATURES if name not in signatures]:
        raise Refused(f"it lacks the signature {', '.join(missing)} (it has {sorted(signatures)})")
    return model, signatures


def warmup_logs(folder: str) -> Iterator[Any]:
    """The requests that the trainer recorded, with their answers, parsed."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    path = f"{folder}/{WARMUP_FILE}"
    if not tf.io.gfile.exists(path):
        raise Refused(f"there is no {WARMUP_FILE}, so there is nothing to try it with")
    try:
        for index, record in enumerate(tf.data.TFRecordDataset(path).as_numpy_iterator()):
            if index == MAX_RECORDS:
                raise Refused(f"{WARMUP_FILE} has more than {MAX_RECORDS} records")
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") != "predict_log":
                raise Refused(
                    f"record {index} of {WARMUP_FILE} is not a PredictionLog of a predict request"
                )
            yield log.predict_log
    except DecodeError as error:
        raise Refused(f"record {index} of {WARMUP_FILE} is not a PredictionLog") from error
    except tf.errors.OpError as error:
        raise Refused(f"{WARMUP_FILE} is not a TFRecord file: {first_line(error)}") from error


def replay(signatures: dict[str, Any], log: Any, tolerance: float) -> str:
    """Sends one recorded request and returns the name of its signature.

    Raises:
      Refused: the request fails, or its answer differs from the recorded one.
    """
    import tensorflow as tf

    name = log.request.model_spec.signature_name or "serving_default"
    if name not in signatures:
        raise Refused(
            f"a warm-up request is for the signature {name!r} (it has {sorted(signatures)})"
        )
    try:
        inputs = {key: tf.constant(tf.make_ndarray(v)) for key, v in log.request.inputs.items()}
        outputs = signatures[name](**inputs)
    except Exception as error:
        raise Refused(f"{name} fails on a warm-up request: {first_line(error)}") from error
    recorded = log.response.outputs
    if set(outputs) != set(recorded):
        raise Refused(f"{name} answers {sorted(outputs)}, the trainer answered {sorted(recorded)}")
    for key, value in outputs.items():
        if difference := compare(value.numpy(), tf.make_ndarray(recorded[key]), tolerance):
            raise Refused(f"{name}'s {key} {difference}")
    return name


def compare(got: Any, wanted: Any, tolerance: float) -> str | None:
    """What differs, or None. A float may differ by `tolerance` times the sum of its size and the largest one's."""
    import numpy as np

    if got.shape != wanted.shape:
        return f"has the shape {got.shape}, the trainer's had {wanted.shape}"
    if got.dtype != wanted.dtype:
        return f"is {got.dtype}, the trainer's was {wanted.dtype}"
    if wanted.dtype.kind != "f":
        if np.array_equal(got, wanted):
            return None
        return f"is {got.ravel()[:3].tolist()}…, the trainer's was {wanted.ravel()[:3].tolist()}…"
    finite = np.abs(wanted[np.isfinite(wanted)])
    slack = tolerance * finite.max() if finite.size else 0.0
    if np.allclose(got, wanted, rtol=tolerance, atol=slack, equal_nan=True):
        return None
    worst = np.nanmax(np.abs(got.astype(np.float64) - wanted)) if finite.size else np.nan
    return f"differs by {worst:.3g} from the trainer's answer (largest value {finite.max(initial=0):.3g})"


def latency(signatures: dict[str, Any], logs: list[Any]) -> dict[str, Any]:
    """How long `serving_default` takes for each of its recorded requests, without a network, in milliseconds.

    Returns:
      {"machine": a text, "requests": [{"examples", "repeats", "p50_ms", "p95_ms"}, …], the smallest request first}.
    """
    import numpy as np
    import tensorflow as tf

    found = {}
    for log in logs:
        inputs = {key: tf.constant(tf.make_ndarray(v)) for key, v in log.request.inputs.items()}
        seconds: list[float] = []
        # The replay was the warm-up: it built the kernels for these shapes.
        while len(seconds) < MOST_REPEATS and sum(seconds) < TIMED_SECONDS:
            start = time.perf_counter()
            for value in signatures["serving_default"](**inputs).values():
                value.numpy()
            seconds.append(time.perf_counter() - start)
        p50, p95 = (1000 * float(np.percentile(seconds, share)) for share in (50, 95))
        examples = min((int(value.shape[0]) for value in inputs.values()), default=1)
        found[examples] = {
            "examples": examples,
            "repeats": len(seconds),
            "p50_ms": p50,
            "p95_ms": p95,
        }
    return {"machine": machine(), "requests": [found[size] for size in sorted(found)]}


def machine() -> str:
    """The processor that requests are timed on, and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            lines = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
            name = lines[0] if lines else name
    except OSError:
        pass  # not Linux
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    return f"{name}, {cores} core{'s' if cores != 1 else ''}, {platform.system()}"


def first_line(error: BaseException) -> str:
    text = str(getattr(error, "message", None) or error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


def check(folder: str, tolerance: float) -> dict[str, Any]:
    result: dict[str, Any] = {
        "cause": None,
        "records": 0,
        "load_seconds": 0.0,
        "slowest_seconds": 0.0,
        "latency": None,
    }
    try:
        start = time.monotonic()
        model, signatures = load(folder)  # noqa: F841 - the model must stay alive
        result["load_seconds"] = time.monotonic() - start
        tried, to_time = set(), []
        for log in warmup_logs(folder):
            start = time.monotonic()
            tried.add(name := replay(signatures, log, tolerance))
            result["slowest_seconds"] = max(result["slowest_seconds"], time.monotonic() - start)
            result["records"] += 1
            if name == "serving_default":
                to_time.append(log)
        if untried := [name for name in SIGNATURES if name not in tried]:
            raise Refused(f"{WARMUP_FILE} has no request for {', '.join(untried)}")
        result["latency"] = latency(signatures, to_time)
    except Refused as refused:
        result["cause"] = str(refused)
    return result


if __name__ == "__main__":
    site, model_folder, relative, result_path = sys.argv[1:]
    sys.modules.update(dict.fromkeys(ABSENT))
    if site not in sys.path:
        sys.path.append(site)
    verdict = check(model_folder, float(relative))
    with open(f"{result_path}.tmp", "w") as file:
        json.dump(verdict, file)
    os.replace(f"{result_path}.tmp", result_path)
