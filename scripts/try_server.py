"""Swaps, broken versions, mutations, memory and ends by signals, of the embedded server under load.

    .venv/bin/python scripts/try_server.py [--swaps 20] [--broken 5] [--requests 2000] [--mutations 10000]
        [--preload LIBRARY ...] [--only swaps,stop,kill,mutations]

Two exports of the digits with other weights take turns as versions, so each answer shows which of them gave it. Four
clients ask over both protocols meanwhile. With --preload, the swaps run once more for each library, which LD_PRELOAD
gives to the server (an allocator). Prints a line of JSON for each part; the exit code is 1 if anything was lost,
answered by the wrong version, hung or crashed. Loopback only, and bounded in count and time.
"""

from __future__ import annotations

import argparse
import atexit
import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
NAME = "digits"
PATIENCE = 120.0  # seconds for anything that is waited for
EXAMPLES = 4  # per request


class Server:
    """The embedded server as `perceiver serve` starts it, on free ports, in a process of its own."""

    def __init__(self, folder: Path, preload: str | None = None) -> None:
        from perceiver_keras.server import parameter_files
        from perceiver_keras.server.settings import Batching, ModelSource

        self.folder = folder
        source = ModelSource(name=NAME, base_path=str(folder / "versions"))
        (folder / "models").write_text(parameter_files.models_text([source]), "utf-8")
        (folder / "batching").write_text(parameter_files.batching_text(Batching()), "utf-8")
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        words = [sys.executable, "-m", "perceiver_keras.server.run", "--port", "0"]
        words += ["--rest_api_port", "0", "--ready_file", str(ready)]
        words += ["--model_config_file", str(folder / "models")]
        words += ["--batching_parameters_file", str(folder / "batching")]
        env = dict(os.environ) | ({"LD_PRELOAD": preload} if preload else {})
        self.start = time.monotonic()
        with (folder / "stderr").open("a") as said:
            self.process = subprocess.Popen(words, env=env, stderr=said, cwd=folder)
        atexit.register(self.process.kill)  # whatever happens here, no server is left
        wait_for(lambda: ready.exists() or self.process.poll() is not None, "the start")
        assert self.process.poll() is None, (folder / "stderr").read_text()[-500:]
        self.ports = json.loads(ready.read_text())
        self.started = time.monotonic() - self.start

    def resident(self) -> float:
        """Megabytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def states(self) -> dict[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["rest"], timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", f"/v1/models/{NAME}")
            told = json.loads(connection.getresponse().read())
        return {int(row["version"]): row["state"] for row in told["model_version_status"]}

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """(exit code, seconds until it ended)."""
        start = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(PATIENCE), time.monotonic() - start


def wait_for(condition: Any, what: str) -> float:
    """Seconds until it held."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() < start + PATIENCE, f"waited for {what} in vain"
        time.sleep(0.05)
    return time.monotonic() - start


class Clients:
    """Four threads that ask again as soon as they were answered; each answer is held against its version's."""

    def __init__(self, server: Server, content: bytes, expected: Sequence[np.ndarray]) -> None:
        self.server, self.content, self.expected = server, content, expected
        self.answered, self.versions = 0, Counter()
        self.wrong: list[str] = []
        self.failed: list[tuple[float, str]] = []  # (when it was sent, what happened)
        self._stop, self._lock = threading.Event(), threading.Lock()
        kinds = (self._grpc, self._rest) * 2
        self._threads = [
            threading.Thread(target=self._loop, args=[kind], daemon=True) for kind in kinds
        ]
        for thread in self._threads:
            thread.start()

    def _loop(self, kind: Any) -> None:
        for ask in kind():
            if self._stop.is_set():
                return
            sent = time.monotonic()
            try:
                version, found = ask()
            except Exception as error:
                with self._lock:
                    self.failed.append((sent, f"{type(error).__name__}: {error}"[:200]))
                time.sleep(0.02)
                continue
            with self._lock:
                self.answered += 1
                self.versions[version] += 1
                wanted = self.expected if version is None else [self.expected[version % 2]]
                if not any(np.allclose(found, one, atol=1e-4) for one in wanted):
                    self.wrong.append(f"version {version}: {found[0][:3]}")

    def _grpc(self) -> Iterator[Any]:
        import grpc
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        asked = predict_pb2.PredictRequest()
        asked.model_spec.name = NAME
        asked.inputs["image_bytes"].dtype = 7  # DT_STRING
        asked.inputs["image_bytes"].tensor_shape.dim.add(size=EXAMPLES)
        asked.inputs["image_bytes"].string_val.extend([self.content] * EXAMPLES)

        def ask() -> tuple[int | None, np.ndarray]:
            told = stub.Predict(asked, timeout=PATIENCE)
            return told.model_spec.version.value, values(told.outputs["probabilities"])

        with grpc.insecure_channel(f"127.0.0.1:{self.server.ports['grpc']}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while True:
                yield ask

    def _rest(self) -> Iterator[Any]:
        row = {"image_bytes": {"b64": base64.b64encode(self.content).decode()}}
        body = json.dumps({"instances": [row] * EXAMPLES})
        port = self.server.ports["rest"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

        def ask() -> tuple[int | None, np.ndarray]:
            try:
                connection.request("POST", f"/v1/models/{NAME}:predict", body)
                response = connection.getresponse()
                text = response.read()
            except Exception:
                connection.close()
                raise
            assert response.status == 200, f"{response.status} {text[:100]!r}"
            rows = json.loads(text)["predictions"]
            return None, np.array([one["probabilities"] for one in rows])  # no version is told

        while True:
            yield ask

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a request hangs"


def values(proto: Any) -> np.ndarray:
    import tensorflow as tf

    return tf.make_ndarray(proto)


# === The models ===


def make(folder: Path) -> tuple[list[Path], bytes, list[np.ndarray]]:
    """(two exports of other weights, a picture, the probabilities that each gives it)."""
    import tensorflow as tf

    from perceiver_keras.benchmarks import serve

    content = serve.example("digits", 1)["image_bytes"][0]
    exports, answers = [], []
    for seed in range(2):
        tf.keras.utils.set_random_seed(seed)
        serve.make("digits", folder / str(seed), {})
        exports.append(folder / str(seed) / "1")
        loaded = tf.saved_model.load(str(exports[-1]))
        call = loaded.signatures["serving_default"]
        found = call(image_bytes=tf.constant([content] * EXAMPLES))
        answers.append(found["probabilities"].numpy())
    assert not np.allclose(*answers, atol=1e-2), "the two models can't be told apart"
    return exports, content, answers


def broken(kind: int, folder: Path) -> None:
    """Breaks a version, in one of five ways."""
    data = next(folder.glob("variables/variables.data*"))
    if kind == 0:
        (folder / "saved_model.pb").write_bytes(b"x")
    elif kind == 1:
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    elif kind == 2:
        shutil.rmtree(folder / "variables")
    elif kind == 3:
        (folder / "saved_model.pb").write_bytes(b"")
    else:
        half = (folder / "saved_model.pb").read_bytes()
        (folder / "saved_model.pb").write_bytes(half[: len(half) // 2])


def publish(export: Path, base: Path, version: int, break_it: int | None = None) -> None:
    """Whole or not at all, as a run pushes."""
    aside = base.parent / "aside"
    shutil.copytree(export, aside)
    if break_it is not None:
        broken(break_it % 5, aside)
    base.mkdir(exist_ok=True)
    aside.rename(base / str(version))


# === The parts ===


def swaps(made: Any, folder: Path, given: Any, preload: str | None = None) -> dict[str, Any]:
    """Versions come, some of them broken; requests, answers and memory meanwhile."""
    exports, content, answers = made
    base = folder / "versions"
    publish(exports[1], base, 1)
    server = Server(folder, preload)
    clients = Clients(server, content, answers)
    try:
        wait_for(lambda: clients.answered >= 300, "the warm-up")
        warm, curve, took = server.resident(), [], []
        every = given.swaps // given.broken if given.broken else 0
        for index in range(given.swaps):
            version = index + 2
            bad = every and (index + 1) % every == 0
            publish(exports[version % 2], base, version, index // every if bad else None)
            wanted = "END" if bad else "AVAILABLE"
            seconds = wait_for(
                lambda v=version, w=wanted: server.states().get(v) == w, f"{version} {wanted}"
            )
            took.append(seconds)
            curve.append(round(server.resident()))
        wait_for(lambda: clients.answered >= given.requests, f"{given.requests} requests")
        clients.stop()
        time.sleep(2)
        states = server.states()
        end = server.resident()
    finally:
        clients.stop()
        code, _ = server.end()
    return {
        "part": "swaps",
        "preload": preload and Path(preload).name,
        "swaps": given.swaps,
        "broken": given.broken,
        "requests": clients.answered,
        "lost": [what for _, what in clients.failed][:5],
        "wrong_version": clients.wrong[:5],
        "versions_that_answered": len(set(clients.versions) - {None}),
        "available_at_the_end": [v for v, state in states.items() if state == "AVAILABLE"],
        "seconds_to_available": round(float(np.median(took)), 2),
        "resident_mb": {"warm": round(warm), "after_each": curve, "end": round(end)},
        "growth": round(end / warm - 1, 3),
        "exit_code": code,
        "ok": not clients.failed and not clients.wrong and code == 0,
    }


def stop(made: Any, folder: Path, given: Any) -> dict[str, Any]:
    """SIGTERM: what was sent before is answered, and the process ends with 0."""
    exports, content, answers = made
    publish(exports[1], folder / "versions", 1)
    server = Server(folder)
    clients = Clients(server, content, answers)
    wait_for(lambda: clients.answered >= 100, "load")
    at = time.monotonic()
    code, seconds = server.end()
    clients.stop()
    # What a client sent in the last moments may not have been accepted: then it was refused, not lost half-way.
    lost = [what for sent, what in clients.failed if sent < at - 0.005]
    return {
        "part": "SIGTERM under load",
        "requests": clients.answered,
        "sent_before_and_not_answered": lost[:5],
        "refused_after": len(clients.failed) - len(lost),
        "seconds_to_end": round(seconds, 2),
        "exit_code": code,
        "ok": not lost and not clients.wrong and code == 0,
    }


def kill(made: Any, folder: Path, given: Any) -> dict[str, Any]:
    """SIGKILL under load, and a restart whose newest version is broken."""
    exports, content, answers = made
    base = folder / "versions"
    for version in (1, 2, 3):
        publish(exports[version % 2], base, version)
    server = Server(folder)
    clients = Clients(server, content, answers)
    wait_for(lambda: clients.answered >= 100, "load")
    publish(exports[0], base, 4, 1)
    server.end(signal.SIGKILL)
    clients.stop()
    server = Server(folder)
    again = Clients(server, content, answers)
    wait_for(lambda: again.answered >= 100, "answers after the restart")
    again.stop()
    states = server.states()
    code, _ = server.end()
    up = [version for version, state in states.items() if state == "AVAILABLE"]
    return {
        "part": "SIGKILL and restart, the newest version broken",
        "answered_before": clients.answered,
        "seconds_to_ready": round(server.started, 2),
        "available": up,
        "failed_after": [what for _, what in again.failed][:5],
        "ok": up == [3] and not again.failed and not again.wrong and code == 0,
    }


def mutations(made: Any, folder: Path, given: Any) -> dict[str, Any]:
    """`tests/server/mutations_test.py`, with newly drawn ones: three kinds, each as many."""
    each = -(-given.mutations // 3)
    env = dict(os.environ) | {"MUTATIONS": str(each), "HYPOTHESIS_PROFILE": "default"}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    words += ["tests/server/mutations_test.py"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True)
    return {
        "part": "mutations",
        "drawn": 3 * each,
        "said": done.stdout.strip().splitlines()[-1],
        "ok": done.returncode == 0,
    }


PARTS = {"swaps": swaps, "stop": stop, "kill": kill, "mutations": mutations}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--broken", type=int, default=5, help="of the swaps")
    parser.add_argument("--requests", type=int, default=2000, help="answered during the swaps")
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--preload", action="append", default=[], metavar="LIBRARY")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,…")
    given = parser.parse_args()
    asked = given.only.split(",")
    good = True
    with tempfile.TemporaryDirectory(prefix="perceiver-try-server-") as place:
        made = make(Path(place, "models"))
        runs = [(name, {}) for name in asked]
        if "swaps" in asked:
            runs += [("swaps", {"preload": library}) for library in given.preload]
        for number, (name, extra) in enumerate(runs):
            folder = Path(place, str(number))
            folder.mkdir()
            told = PARTS[name](made, folder, given, **extra)
            good &= told["ok"]
            print(json.dumps(told), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
