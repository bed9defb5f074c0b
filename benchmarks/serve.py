"""`python -m perceiver_keras.benchmarks.serve`: the embedded server under load, next to the bare call of its models.

Server, clients and bare calls are three processes on one machine, which share its processors; docs/benchmarks.md says
how to read that. Everything is bounded in time and number, and nothing leaves the loopback.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_keras.benchmarks import load, machine, serve_page
from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_json, write_whole

SATURATING = 16  # so many clients are also answered without batching, to compare
START_SECONDS = (
    300.0  # until the server has loaded its models, and they have answered their warm-up requests
)
PREDICT = "/tensorflow.serving.PredictionService/Predict"
MODELS = {  # the task, its preset, and how many warm-up examples
    "digits": ("image_classification", "tiny", 8),
    "bytes": ("language_mlm", "tiny", 8),
    "released_bytes": (
        "language_mlm",
        "language_mlm_bytes",
        1,
    ),  # of the official size
}
SMALL = ("digits", "bytes")


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
      clients: How many at once, each with one example per request.
      per_request: Examples per request, of as many clients as there are at most.
      seconds: Of each load, and of the bare calls.
      most: Requests of each client, at most.
      max_batch_size: Examples in a batch, at most.
      settings: Of smaller models, for tests: {model: overrides of `from_preset`}.
    """

    clients: tuple[int, ...] = (1, 4, 16, 64)
    per_request: tuple[int, ...] = (8, 32, 64)
    seconds: float = 5.0
    most: int = 100_000
    max_batch_size: int = 64
    settings: Mapping[str, Mapping[str, Any]] | None = None


def run(plan: Plan, models: Sequence[str], say: Any = print) -> dict[str, Any]:
    """{"machine", "plan", "models": {name: {"single": of one example at a time, "rows": [...]}}}."""
    whole = {"machine": machine.describe(), "models": {}}
    whole["plan"] = asdict(plan)
    with tempfile.TemporaryDirectory(prefix="perceiver-load-") as place, _clients() as ask:
        for name in models:
            folder = Path(place, name)
            make(name, folder / "versions", (plan.settings or {}).get(name, {}))
            whole["models"][name] = _measure(name, folder, plan, ask, say)
    return whole


def make(name: str, folder: Path, settings: Mapping[str, Any]) -> None:
    """A model with fresh weights as version 1 in `folder`; it has warm-up requests."""
    from perceiver_keras.export import export_saved_model
    from perceiver_keras.tasks import registry, warm_up_examples

    task_name, preset, count = MODELS[name]
    task = registry.get(task_name)
    model = task.model.from_preset(preset, **settings)
    config = model.task_config
    examples = warm_up_examples.of(task, config, count).examples
    export_saved_model(task, config, model, str(folder / "1"), warmup=examples)


def example(name: str, count: int) -> dict[str, list[bytes]]:
    """`count` examples for `serving_default`, by name: a digit each, or a text with a mask."""
    if name == "digits":
        from PIL import Image

        file = io.BytesIO()
        Image.linear_gradient("L").resize((8, 8)).save(file, "PNG")
        return {"image_bytes": [file.getvalue()] * count}
    text = b"The [MASK]erver answers whatever it is asked, and in good time"
    if name == "released_bytes":
        text = (text + b". And so on" * 200)[: 2048 + len(b"ASK]") + 1]  # a mask is one of 2048
    return {"text": [text] * count}


def _measure(name: str, folder: Path, plan: Plan, ask: Any, say: Any) -> dict[str, Any]:
    from perceiver_keras.server.settings import Batching

    bare = Bare(folder / "versions" / "1", name)
    found: dict[str, Any] = {"single": bare.measure(1, plan.seconds), "rows": []}
    most = max(plan.clients)
    for batching, loads in (
        (Batching(max_batch_size=plan.max_batch_size), [
            *((protocol, clients, 1) for protocol in ("grpc", "rest") for clients in plan.clients),
            *((protocol, most, size) for protocol in ("grpc", "rest") for size in plan.per_request),
        ]),
        (None, [("grpc", most, 1)] if most >= SATURATING else []),
    ):  # fmt: skip
        if not loads:
            continue
        with _server(name, folder, batching) as (process, ports):
            # Between two loads the model alone: the machine changes, and each load has the neighbours that it had.
            before = bare.measure(plan.max_batch_size, plan.seconds / 2)
            for protocol, clients, size in loads:
                target, body = _request(name, protocol, size, folder)
                asked = {
                    "protocol": protocol,
                    "port": ports[protocol],
                    "target": target,
                    "body": str(body),
                    "clients": clients,
                    "seconds": plan.seconds,
                    "most": plan.most,
                }
                used, busy = _cpu_of(process.pid), machine.busy()
                told = ask(asked)
                used = _cpu_of(process.pid) - used
                others = None
                if busy is not None:
                    others = max(machine.busy() - busy - used - told["cpu"], 0.0)
                    others /= told["whole"] * os.cpu_count()
                after = bare.measure(plan.max_batch_size, plan.seconds / 2)
                row = {
                    "protocol": protocol,
                    "clients": clients,
                    "per_request": size,
                    "batching": batching is not None,
                    "others": others,
                    "bare": {key: (before[key] + after[key]) / 2 for key in before},
                    "server_cpu": used / max(told["answered"] * size, 1),
                    "client_cpu": told["cpu"] / max(told["answered"] * size, 1),
                    **_summary(told, size),
                }
                before = after
                found["rows"].append(row)
                say(f"{name}: {serve_page.line(row)}")
    return found


def _summary(told: Mapping[str, Any], size: int) -> dict[str, Any]:
    took = np.array(told["latencies"]) * 1000
    p50, p95, p99 = np.percentile(took, [50, 95, 99]).tolist() if len(took) else (None,) * 3
    return {
        "requests": len(took),
        "errors": told["errors"],
        "rate": len(took) * size / told["seconds"],
        "milliseconds": {"p50": p50, "p95": p95, "p99": p99},
    }


class Bare:
    """A model in this process, called as the server calls it, with nothing in between."""

    def __init__(self, folder: Path, name: str) -> None:
        from perceiver_keras.server.loaded import LoadedModel

        self._model = LoadedModel(str(folder), 60.0)
        self._signature = self._model.signatures["serving_default"]
        self._name = name

    def measure(self, size: int, seconds: float) -> dict[str, float]:
        """{"rate": examples per second, "cpu": CPU seconds of an example}, in calls with `size` examples."""
        values = example(self._name, size)
        arrays = {key: np.array(value, object) for key, value in values.items()}
        self._model.run(self._signature, arrays)
        count, used, start = 0, load.cpu_seconds(), time.perf_counter()
        while (now := time.perf_counter()) < start + seconds:
            self._model.run(self._signature, arrays)
            count += size
        return {"rate": count / (now - start), "cpu": (load.cpu_seconds() - used) / count}


def _request(name: str, protocol: str, size: int, folder: Path) -> tuple[str, Path]:
    """(target, the file with the request): serialized once, for all clients."""
    from tensorflow_serving.apis import predict_pb2

    values = example(name, size)
    path = folder / f"{protocol}-{size}"
    if protocol == "rest":
        rows = [{key: _as_json(value[i]) for key, value in values.items()} for i in range(size)]
        path.write_text(json.dumps({"instances": rows}), "utf-8")
        return f"/v1/models/{name}:predict", path
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    for key, value in values.items():
        request.inputs[key].dtype = 7  # DT_STRING
        request.inputs[key].tensor_shape.dim.add(size=size)
        request.inputs[key].string_val.extend(value)
    path.write_bytes(request.SerializeToString())
    return PREDICT, path


def _as_json(value: bytes) -> Any:
    return {"b64": base64.b64encode(value).decode()}


@contextlib.contextmanager
def _server(name: str, folder: Path, batching: Any) -> Iterator[tuple[Any, dict[str, int]]]:
    """The embedded server as `perceiver serve` starts it, on free ports; (process, {"grpc", "rest"})."""
    from perceiver_keras.server import parameter_files
    from perceiver_keras.server.settings import ModelSource

    source = ModelSource(name=name, base_path=str(folder / "versions"))
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    (folder / "models").write_text(parameter_files.models_text([source]), "utf-8")
    words = [sys.executable, "-m", "perceiver_keras.server.run"]
    words += ["--model_config_file", str(folder / "models"), "--ready_file", str(ready)]
    words += ["--port", "0", "--rest_api_port", "0"]
    if batching is None:
        words += ["--enable_batching", "false"]
    else:
        (folder / "batching").write_text(parameter_files.batching_text(batching), "utf-8")
        words += ["--batching_parameters_file", str(folder / "batching")]
    with (folder / "stderr").open("w") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=said)
        try:
            end = time.monotonic() + START_SECONDS
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > end:
                    lines = (folder / "stderr").read_text().strip().splitlines() or ["no message"]
                    raise PerceiverError(f"The server did not start: {lines[-1][:200]}")
                time.sleep(0.05)
            ports = json.loads(ready.read_text())
            yield process, {"grpc": ports["grpc"], "rest": ports["rest"]}
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def _clients() -> Iterator[Any]:
    """A function that runs one load in the clients' process; see `load.py`."""
    words = [sys.executable, "-m", "perceiver_keras.benchmarks.load"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def ask(one: Mapping[str, Any]) -> dict[str, Any]:
            process.stdin.write(json.dumps(one) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise PerceiverError("The clients' process ended.")
            return json.loads(line)

        try:
            yield ask
        finally:
            process.stdin.close()


def _cpu_of(pid: int) -> float:
    """CPU seconds of a process; 0 where Linux does not say so."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, and writes serve.json and serve.md; returns the exit code."""
    flags = argparse.ArgumentParser(prog="python -m perceiver_keras.benchmarks.serve")
    flags.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help=f"{', '.join(MODELS)}; {' and '.join(SMALL)} if none is named",
    )
    flags.add_argument("--clients", default="1,4,16,64", metavar="N,N,…")
    flags.add_argument(
        "--per-request", default="8,32,64", metavar="N,N,…", help="examples, of the most clients"
    )
    flags.add_argument("--seconds", type=float, default=5.0, help="of each load")
    flags.add_argument("--max-batch-size", type=int, default=64, metavar="N")
    flags.add_argument(
        "-o", "--out", type=Path, default=Path("benchmarks/results"), metavar="FOLDER"
    )
    given = flags.parse_args(arguments)
    if unknown := set(given.models) - set(MODELS):
        flags.error(f"there is no model {sorted(unknown)[0]!r}; choose from {', '.join(MODELS)}")
    try:
        clients, sizes = (
            tuple(int(n) for n in text.split(",")) for text in (given.clients, given.per_request)
        )
    except ValueError:
        flags.error(
            f"expected numbers such as 1,8,64, got {given.clients!r} and {given.per_request!r}"
        )
    if not 1 <= min(clients) <= max(clients) <= 256 or not 1 <= min(sizes) <= max(sizes) <= 1024:
        flags.error("expected 1 to 256 clients, and 1 to 1024 examples per request")
    if not 0 < given.seconds <= 60:
        flags.error("--seconds: expected more than 0 and at most 60")
    if not 1 <= given.max_batch_size <= 1024:
        flags.error("--max-batch-size: expected 1 to 1024")
    plan = Plan(clients, sizes, given.seconds, max_batch_size=given.max_batch_size)
    try:
        whole = run(plan, given.models or list(SMALL))
    except PerceiverError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / "serve.json", whole)
    write_whole(given.out / "serve.md", serve_page.page(whole))
    print(f"Results: {given.out / 'serve.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
