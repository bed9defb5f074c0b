"""Clients that ask a server as fast as they are answered, in a process of their own.

`python -m perceiver_keras.benchmarks.load` imports no TensorFlow, and every request is the same bytes, made before:
what it costs is the sending. A line of JSON on standard input is one `Load`; a line of JSON answers it.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARM_SECONDS = 0.5  # at the beginning; they are not counted
PATIENCE = 60.0  # seconds for one answer
Ask = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Load:
    """A bounded number of clients, each of which asks again as soon as it was answered.

    Attributes:
      protocol: "grpc" or "rest".
      port: On the loopback.
      target: gRPC's method or REST's path.
      body: The file with the request.
      clients: How many, each with a connection of its own.
      seconds: How long.
      most: How many requests at most, of each client.
    """

    protocol: str
    port: int
    target: str
    body: str
    clients: int
    seconds: float
    most: int


async def run(load: Load) -> dict[str, Any]:
    """Clients, until the time is over or each has made its requests.

    Returns:
      {"latencies": seconds of each request that counts, "seconds": in which those were answered, "answered": with the
      warm part, "whole": seconds with it, "cpu": of this process, "errors": {message: how many}}.
    """
    body = Path(load.body).read_bytes()
    openers = {"grpc": _over_grpc, "rest": _over_rest}
    opened = await asyncio.gather(
        *(openers[load.protocol](load, body) for _ in range(load.clients))
    )
    latencies: list[tuple[float, float]] = []  # (when it was answered, after how long)
    errors: dict[str, int] = {}
    start = time.perf_counter()
    end = start + load.seconds
    warm = min(WARM_SECONDS, load.seconds / 4)

    async def client(ask: Ask) -> None:
        for _ in range(load.most):
            asked = time.perf_counter()
            if asked >= end:
                return
            try:
                await asyncio.wait_for(ask(), PATIENCE)
            except Exception as error:
                told = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                errors[told] = errors.get(told, 0) + 1
                await asyncio.sleep(0.01)  # who is refused at once must not fill the machine
                continue
            now = time.perf_counter()
            latencies.append((now, now - asked))

    before = cpu_seconds()
    await asyncio.gather(*(client(ask) for ask, _ in opened))
    last = time.perf_counter()
    used = cpu_seconds() - before
    await asyncio.gather(*(close() for _, close in opened))
    # Bounded by their number, clients may have ended before the warm part was over; then all counts.
    counted = [took for when, took in latencies if start + warm <= when <= end]
    seconds = min(last, end) - start - warm
    if not counted:
        counted, seconds = [took for _, took in latencies], last - start
    return {
        "latencies": counted,
        "seconds": seconds,
        "answered": len(latencies),
        "whole": last - start,
        "cpu": used,
        "errors": errors,
    }


async def _over_grpc(load: Load, body: bytes) -> tuple[Ask, Ask]:
    import grpc

    # Otherwise all clients of a process share one connection.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{load.port}", options=options)
    await channel.channel_ready()
    call = channel.unary_unary(load.target)  # bytes in, bytes out

    async def ask() -> None:
        await call(body, timeout=PATIENCE)

    return ask, channel.close


async def _over_rest(load: Load, body: bytes) -> tuple[Ask, Ask]:
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port, limit=1 << 24)
    head = (
        f"POST {load.target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body

    async def ask() -> None:
        writer.write(request)
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        (length,) = (
            int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")
        )
        answer = await reader.readexactly(length)
        if b" 200 " not in lines[0] + b" ":
            raise RuntimeError(f"{lines[0].decode()} {answer[:100].decode(errors='replace')}")

    async def close() -> None:
        writer.close()

    return ask, close


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Answers loads until standard input ends."""
    import uvloop

    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    uvloop.install()
    for line in sys.stdin:
        print(json.dumps(asyncio.run(run(Load(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
