"""`python -m perceiver_keras.server.run`: the embedded server, with the flags of tensorflow_model_server.

SIGTERM or SIGINT: the health service says NOT_SERVING, no new request is taken, those that were accepted are answered
within --shutdown_grace_seconds, and the process ends with 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from perceiver_keras.server import parameter_files
from perceiver_keras.server.settings import LOOPBACK, Batching, Limits, ModelSource
from perceiver_keras.stack import only_predicts

OVERTIME = 3.0  # seconds after the grace until the process ends in any case


def parser() -> argparse.ArgumentParser:
    """The flags: tensorflow_model_server's, an address, and the limits."""
    flags = argparse.ArgumentParser(prog="perceiver_keras.server.run", allow_abbrev=False)
    flags.add_argument("--model_config_file", required=True)
    flags.add_argument("--batching_parameters_file")
    flags.add_argument("--monitoring_config_file")
    flags.add_argument("--enable_batching", nargs="?", const="true", default="true")
    flags.add_argument("--host", default="127.0.0.1")
    flags.add_argument("--port", type=int, default=8500, help="gRPC; 0: a free one, -1: none")
    flags.add_argument(
        "--rest_api_port", type=int, default=8501, help="REST; 0: a free one, -1: none"
    )
    flags.add_argument("--file_system_poll_wait_seconds", type=float, default=1.0)
    flags.add_argument("--shutdown_grace_seconds", type=float, default=30.0)
    flags.add_argument("--ready_file", help="gets the ports as JSON once every model can be asked")
    for limit in fields(Limits):
        kind = float if limit.name.endswith("seconds") else int
        flags.add_argument(f"--{limit.name}", type=kind, default=limit.default)
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal; returns the exit code."""
    flags = parser().parse_args(arguments)
    try:
        sources = parameter_files.read_models(Path(flags.model_config_file).read_text("utf-8"))
        batching, path = Batching(), None
        if flags.batching_parameters_file:
            text = Path(flags.batching_parameters_file).read_text("utf-8")
            batching = parameter_files.read_batching(text)
        if flags.monitoring_config_file:
            text = Path(flags.monitoring_config_file).read_text("utf-8")
            path = parameter_files.read_monitoring(text)
    except (OSError, ValueError) as error:
        say(f"Error: {error}")
        return 2
    if flags.enable_batching.lower() in ("false", "0"):
        batching = Batching(max_batch_size=1, num_batch_threads=batching.num_batch_threads)
    limits = Limits(**{limit.name: getattr(flags, limit.name) for limit in fields(Limits)})
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    only_predicts()
    import uvloop

    uvloop.install()  # half again as many gRPC requests per second as asyncio's own loop
    return asyncio.run(serve(flags, sources, batching, limits, path))


async def serve(
    flags: Any,
    sources: Sequence[ModelSource],
    batching: Batching,
    limits: Limits,
    metrics_path: str | None,
) -> int:
    """Loads, listens, and serves until a signal; returns the exit code."""
    from perceiver_keras.server.embedded import EmbeddedServer

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = EmbeddedServer(sources, batching, limits, say, metrics_path)
    start = asyncio.create_task(
        server.start(
            flags.host, flags.port, flags.rest_api_port, flags.file_system_poll_wait_seconds
        )
    )
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({start, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not start.done():
        return 0  # nothing was accepted yet
    try:
        ports = start.result()
    except (OSError, RuntimeError) as error:
        say(f"Error: {flags.host}, ports {flags.port} and {flags.rest_api_port}: {error}")
        return 1
    _announce(flags.host, ports, server.models.names)
    if flags.ready_file:
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            _write_ports(flags.ready_file, ports)
    await stopped
    threading.Thread(
        target=_end, args=(flags.shutdown_grace_seconds + OVERTIME,), daemon=True
    ).start()
    say(f"Stopping; accepted requests have {flags.shutdown_grace_seconds:g} seconds.")
    await server.stop(flags.shutdown_grace_seconds)
    return 0


def _end(seconds: float) -> None:
    """Ends the process, whatever the event loop and its threads do by then."""
    time.sleep(seconds)
    say("Something is still being computed or loaded; it is left.")
    os._exit(1)


def say(text: str) -> None:
    """One line on stderr, whatever a name or a message in `text` holds."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    print("".join(shown), file=sys.stderr, flush=True)


def _announce(host: str, ports: Mapping[str, int], names: Sequence[str]) -> None:
    shown = {"grpc": "gRPC on {}", "rest": "REST on http://{}"}
    at = f"[{host}]" if ":" in host else host
    places = ", ".join(shown[kind].format(f"{at}:{port}") for kind, port in ports.items())
    say(f"Serving {', '.join(names)}: {places}")
    if "rest" in ports:
        say(f"To try them in a browser: http://{at}:{ports['rest']}/")
    if host not in LOOPBACK:
        say(
            f"Note: {host} can be reached from other machines; there is no password and no encryption. Put a "
            "proxy with both in front."
        )


def _write_ports(path: str, ports: Mapping[str, int]) -> None:
    aside = Path(f"{path}.tmp-{os.getpid()}")
    aside.write_text(json.dumps({**ports, "pid": os.getpid()}), "utf-8")
    os.replace(aside, path)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a thread that loads or computes would be waited for
