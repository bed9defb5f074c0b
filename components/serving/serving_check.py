"""Loads a SavedModel without our code and tries it: what ServingValidator runs in a fresh process.

`serving_validator` runs it as a script with `python -I`, so it imports nothing of ours, only what a server has:
TensorFlow, the messages of its protocol, and SentencePiece if the graph needs it. It replays the warm-up requests,
compares serving with training, and measures what a served request costs.

    python -I serving_check.py SITE JOB

SITE is the folder that TensorFlow is imported from, JOB a JSON file: {"folder", "tolerance", "result": the file to
write what `check` returns, "baseline": a folder or null, "max_latency_ms", "max_slowdown": or null, "asked": null or a
file that will appear, {"requests": PredictionLogs as `serving_skew` writes them, "tolerance"}}.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
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
TIMED_SECONDS = 2.5  # after which a request is not repeated again
FEWEST_PAIRS, MOST_PAIRS = 5, 25  # of requests to a model and its baseline
WAIT_SECONDS = 600.0  # for the trained model's answers; the caller's own limit is usually shorter


if __name__ == "__main__":  # in a fresh process, which must not find the package around this file
    there = os.path.join(os.path.dirname(os.path.abspath(__file__)), "serving_answers.py")
    found = importlib.util.spec_from_file_location("serving_answers", there)
    answers = importlib.util.module_from_spec(found)
    found.loader.exec_module(answers)
else:
    from perceiver_keras.components.serving import serving_answers as answers
first_line = answers.first_line


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

    path = f"{folder}/{WARMUP_FILE}"
    if not tf.io.gfile.exists(path):
        raise Refused(f"there is no {WARMUP_FILE}, so there is nothing to try it with")
    yield from prediction_logs(path, WARMUP_FILE)


def prediction_logs(path: str, name: str) -> Iterator[Any]:
    """The PredictLogs in a TFRecord file, which is called `name` if it is damaged."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    # TensorFlow 2.15 tunes in a thread, for whose end an iterator waits: up to a minute, also if a record is refused.
    options = tf.data.Options()
    options.autotune.enabled = False
    records = tf.data.TFRecordDataset(path).with_options(options)
    try:
        for index, record in enumerate(records.as_numpy_iterator()):
            if index == MAX_RECORDS:
                raise Refused(f"{name} has more than {MAX_RECORDS} records")
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") != "predict_log":
                raise Refused(
                    f"record {index} of {name} is not a PredictionLog of a predict request"
                )
            yield log.predict_log
    except DecodeError as error:
        raise Refused(f"record {index} of {name} is not a PredictionLog") from error
    except tf.errors.OpError as error:
        raise Refused(f"{name} is not a TFRecord file: {first_line(error)}") from error


def replay(signatures: dict[str, Any], log: Any, tolerance: float) -> str:
    """Sends one recorded request and returns the name of its signature.

    Raises:
      Refused: the request fails, its answer is not finite, or differs from the recorded one.
    """
    name = log.request.model_spec.signature_name or "serving_default"
    if name not in signatures:
        raise Refused(
            f"a warm-up request is for the signature {name!r} (it has {sorted(signatures)})"
        )
    try:
        outputs = answers.answer(signatures[name], log)
    except Exception as error:
        raise Refused(f"{name} fails on a warm-up request: {first_line(error)}") from error
    recorded = answers.arrays(log.response.outputs)
    if set(outputs) != set(recorded):
        raise Refused(f"{name} answers {sorted(outputs)}, the trainer answered {sorted(recorded)}")
    for key, value in outputs.items():
        if difference := answers.compare(value, recorded[key], tolerance):
            raise Refused(f"{name}'s {key} {difference}")
    if text := answers.not_finite(log, outputs):
        raise Refused(f"{name}'s {text}")
    return name


def latency(
    signatures: dict[str, Any], logs: list[Any], most_ms: float | None = None
) -> dict[str, Any]:
    """How long `serving_default` takes for each of its recorded requests, without a network, in milliseconds.

    If the 95th percentile of the smallest request is above `most_ms`, it is timed again, and the faster time counts:
    the machine may have been busy.

    Returns:
      {"machine": a text, "requests": [{"examples", "repeats", "p50_ms", "p95_ms"}, …], the smallest request first}.
    """
    found = {}
    for log in logs:
        # The replay was the warm-up: it built the kernels for these shapes.
        send, examples = request(signatures, log)
        found[examples] = times_of(send, examples)
    if found and most_ms is not None and found[min(found)]["p95_ms"] > most_ms:
        (send, examples), *_ = (
            sent for sent in (request(signatures, log) for log in logs) if sent[1] == min(found)
        )
        again = times_of(send, examples)
        found[examples] = min(found[examples], again, key=lambda row: row["p95_ms"])
    return {"machine": machine(), "requests": [found[size] for size in sorted(found)]}


def request(signatures: dict[str, Any], log: Any) -> tuple[Callable[[], float], int]:
    """A function that sends a recorded request to `serving_default` and returns the seconds; its number of examples."""
    import tensorflow as tf

    inputs = {key: tf.constant(value) for key, value in answers.arrays(log.request.inputs).items()}

    def send() -> float:
        start = time.perf_counter()
        for value in signatures["serving_default"](**inputs).values():
            value.numpy()
        return time.perf_counter() - start

    return send, min((int(value.shape[0]) for value in inputs.values()), default=1)


def times_of(send: Callable[[], float], examples: int) -> dict[str, Any]:
    seconds: list[float] = []
    while len(seconds) < MOST_REPEATS and sum(seconds) < TIMED_SECONDS:
        seconds.append(send())
    return summary(seconds, examples)


def summary(seconds: list[float], examples: int) -> dict[str, Any]:
    import numpy as np

    p50, p95 = (1000 * float(np.percentile(seconds, share)) for share in (50, 95))
    return {"examples": examples, "repeats": len(seconds), "p50_ms": p50, "p95_ms": p95}


def slowdown(
    signatures: dict[str, Any], log: Any, baseline: str, most: float | None
) -> dict[str, Any]:
    """How many times slower than the model in `baseline` this one answers: the ratio of the medians.

    The two take turns in this process, so that other work on the machine slows both down. A ratio above `most` is
    measured again before it counts.

    Returns:
      {"baseline": {"latency": as of `latency`, or None, "note": why there is none, or None}, "slowdown": the ratio, or
      None}.
    """
    import numpy as np

    try:
        model, others = load(baseline)  # noqa: F841 - the model must stay alive
        theirs = next(log for log in warmup_logs(baseline) if is_single(log))
    except (Refused, StopIteration) as error:
        note = str(error) or "it has no warm-up request with one example"
        return {"baseline": {"latency": None, "note": note}, "slowdown": None}
    try:
        (other, examples), _ = request(others, log), answers.answer(others["serving_default"], log)
    except Exception:  # it takes other inputs
        (other, examples), _ = (
            request(others, theirs),
            answers.answer(others["serving_default"], theirs),
        )
    mine, _ = request(signatures, log)

    def measure() -> tuple[list[float], list[float]]:
        pairs: list[list[float]] = []
        start = time.perf_counter()
        while not pairs or (
            len(pairs) < MOST_PAIRS
            and time.perf_counter() - start
            < (TIMED_SECONDS if len(pairs) >= FEWEST_PAIRS else 4 * TIMED_SECONDS)
        ):
            turn = -1 if len(pairs) % 2 else 1
            pairs.append([send() for send in (mine, other)[::turn]][::turn])
        return tuple(map(list, zip(*pairs, strict=True)))

    def ratio(measured: tuple[list[float], list[float]]) -> float:
        return float(np.median(measured[0]) / np.median(measured[1]))

    measured = measure()
    if most is not None and ratio(measured) > most:
        measured = min(measured, measure(), key=ratio)
    times = {"machine": machine(), "requests": [summary(measured[1], examples)]}
    return {"baseline": {"latency": times, "note": None}, "slowdown": ratio(measured)}


def is_single(log: Any) -> bool:
    """Whether it is a request to `serving_default` with one example."""
    name = log.request.model_spec.signature_name or "serving_default"
    return name == "serving_default" and all(
        tensor.tensor_shape.dim[0].size == 1 for tensor in log.request.inputs.values()
    )


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


def peak_memory() -> int | None:
    """Bytes, of this process alone: `ru_maxrss` also counts the process that it was forked from."""
    try:
        with open("/proc/self/status") as file:
            found = [line.split()[1] for line in file if line.startswith("VmHWM:")]
    except OSError:  # not Linux
        import resource

        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size if platform.system() == "Darwin" else 1024 * size
    return 1024 * int(found[0]) if found else None


def wait_for(path: str) -> dict[str, Any]:
    """The content of a JSON file that another process writes whole."""
    start = time.monotonic()
    while not os.path.exists(path):
        if time.monotonic() - start > WAIT_SECONDS:
            raise Refused(f"the trained model did not answer within {WAIT_SECONDS:g} s")
        time.sleep(0.05)
    with open(path) as file:
        return json.load(file)


def check(
    folder: str,
    tolerance: float,
    *,
    asked: str | None = None,
    baseline: str | None = None,
    max_latency_ms: float | None = None,
    max_slowdown: float | None = None,
) -> dict[str, Any]:
    """The verdict on the model in `folder`; see `serving_validator.validate`."""
    result: dict[str, Any] = {
        "cause": None,
        "records": 0,
        "load_seconds": 0.0,
        "slowest_seconds": 0.0,
        "latency": None,
        "peak_memory_bytes": None,
        "baseline": None,
        "slowdown": None,
        "skew": None,
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
        result["latency"] = latency(signatures, to_time, max_latency_ms)
        result["peak_memory_bytes"] = peak_memory()
        if asked is not None:
            there = wait_for(asked)
            trained = prediction_logs(there["requests"], "the file of the trained model's answers")
            result["skew"] = answers.compared(signatures, trained, there["tolerance"])
            if stage := result["skew"]["stage"]:
                text = result["skew"]["text"]
                raise Refused(f"serving differs from training, first at {stage}: {text}")
        if baseline is not None and (single := [log for log in to_time if is_single(log)]):
            result |= slowdown(signatures, single[0], baseline, max_slowdown)
    except Refused as refused:
        result["cause"] = str(refused)
    return result


if __name__ == "__main__":
    site, job_path = sys.argv[1:]
    sys.modules.update(dict.fromkeys(ABSENT))
    if site not in sys.path:
        sys.path.append(site)
    with open(job_path) as file:
        job = json.load(file)
    result_path = job.pop("result")
    if job["asked"] is not None:
        import tensorflow  # noqa: F401 - meanwhile, the other process asks the trained model

        wait_for(job["asked"])  # so that only this process is busy when the model is timed
    verdict = check(**job)
    with open(f"{result_path}.tmp", "w") as file:
        json.dump(verdict, file)
    os.replace(f"{result_path}.tmp", result_path)
