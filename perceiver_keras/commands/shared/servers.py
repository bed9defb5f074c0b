"""The servers that `perceiver serve` can start, and the command line of each."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_whole
from perceiver_keras.server.settings import Batching, ModelSource

BINARY, DOCKER, EMBEDDED = KINDS = ("tensorflow_model_server", "docker", "embedded")
IMAGE = "tensorflow/serving:2.15.1"
# What the embedded server imports, beyond the core requirements.
NEEDED = (
    "grpc",
    "grpc_health",
    "tensorflow_serving",
    "starlette",
    "uvicorn",
    "httptools",
    "uvloop",
    "orjson",
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is served, and how.

    Attributes:
      models: Their sources, with absolute paths.
      host, port, rest_port: Where to listen: gRPC and REST.
      batching: None for TensorFlow Serving without batching; the embedded server then takes requests one by one.
      poll_seconds: How often version folders are looked at.
      timeout_seconds: How long a request may take.
      grace_seconds: How long accepted requests have after SIGTERM.
      max_request_bytes: Of the embedded server; TensorFlow Serving has no such limit.
    """

    models: Sequence[ModelSource]
    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int = 8501
    batching: Batching | None = Batching()
    poll_seconds: float = 1.0
    timeout_seconds: float = 30.0
    grace_seconds: float = 30.0
    max_request_bytes: int = 64 << 20


def choose(wanted: str) -> str:
    """One of `KINDS`; "auto" takes the first that this machine has.

    Raises:
      PerceiverError: it is not there; says what to install.
    """
    if wanted == "auto":
        return next((kind for kind in (BINARY, DOCKER) if _has(kind)), None) or choose(EMBEDDED)
    if not _has(wanted):
        missing = {
            BINARY: "tensorflow_model_server is not on the PATH",
            DOCKER: "no Docker daemon answers",
            EMBEDDED: f"the embedded server needs {', '.join(_missing())}",
        }
        install = ": pip install 'perceiver-keras[serve]'" if wanted == EMBEDDED else "."
        raise PerceiverError(f"{missing[wanted]}{install}")
    return wanted


def _has(kind: str) -> bool:
    if kind == EMBEDDED:
        return not _missing()
    if kind == BINARY:
        return shutil.which(BINARY) is not None
    if shutil.which("docker") is None:
        return False
    try:  # the client alone can start nothing
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _missing() -> list[str]:
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def write_files(plan: Plan, folder: Path) -> dict[str, Path]:
    """Writes the configuration into `folder`, as tensorflow_model_server takes it; {flag: file}."""
    from perceiver_keras.server import parameter_files

    texts = {
        "model_config_file": parameter_files.models_text(plan.models),
        "monitoring_config_file": parameter_files.monitoring_text(),
    }
    if plan.batching:
        texts["batching_parameters_file"] = parameter_files.batching_text(plan.batching)
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for flag, text in texts.items():
        files[flag] = folder / f"{flag.removesuffix('_file')}.txt"
        write_whole(files[flag], text)
    return files


def command(kind: str, plan: Plan, folder: Path) -> list[str]:
    """The command line that serves the plan; its configuration files are written into `folder`."""
    if kind == DOCKER:
        return _docker(plan, folder)
    flags: dict[str, Any] = {
        **write_files(plan, folder),
        "port": plan.port,
        "rest_api_port": plan.rest_port,
        "enable_batching": "true" if plan.batching else "false",
    }
    if kind == BINARY:
        flags |= _of_tensorflow_serving(plan)
        return [BINARY, *_spelled(flags)]
    flags |= {
        "host": plan.host,
        "file_system_poll_wait_seconds": plan.poll_seconds,
        "request_timeout_seconds": plan.timeout_seconds,
        "shutdown_grace_seconds": plan.grace_seconds,
        "max_request_bytes": plan.max_request_bytes,
    }
    return [sys.executable, "-m", "perceiver_keras.server.run", *_spelled(flags)]


def _of_tensorflow_serving(plan: Plan) -> dict[str, Any]:
    return {
        "file_system_poll_wait_seconds": max(1, round(plan.poll_seconds)),
        "rest_api_timeout_in_ms": round(plan.timeout_seconds * 1000),
    }


def _docker(plan: Plan, folder: Path) -> list[str]:
    """In the container models lie in /models/NAME, read-only, and the ports are the usual ones."""
    inside = replace(plan, models=[replace(m, base_path=f"/models/{m.name}") for m in plan.models])
    files = write_files(inside, folder)
    flags = {
        **{flag: f"/config/{path.name}" for flag, path in files.items()},
        "enable_batching": "true" if plan.batching else "false",
        **_of_tensorflow_serving(plan),
    }
    host = f"[{plan.host}]" if ":" in plan.host else plan.host
    words = ["docker", "run", "--rm", "--init", "--stop-timeout", str(round(plan.grace_seconds))]
    words += ["-p", f"{host}:{plan.port}:8500", "-p", f"{host}:{plan.rest_port}:8501"]
    words += _mount(folder, "/config")
    for model in plan.models:
        base = Path(model.base_path)
        link = base / "1"
        # A link leads nowhere inside the container; what it names is mounted in its place.
        words += _mount(
            *(
                (link.resolve(), f"/models/{model.name}/1")
                if link.is_symlink()
                else (base, f"/models/{model.name}")
            )
        )
    return [*words, IMAGE, *_spelled(flags)]


def _mount(source: Path, target: str) -> list[str]:
    return ["--mount", f"type=bind,source={source},target={target},readonly"]


def _spelled(flags: dict[str, Any]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
