"""uvicorn in our event loop, with our signals and our limits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from perceiver_keras.server.http_guard import HEADERS, guarded
from perceiver_keras.server.settings import Limits


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process stops both protocols together, when it is told to."""
        yield


class HttpServer:
    """One ASGI application on one port."""

    def __init__(self, app: Any, limits: Limits) -> None:
        config = uvicorn.Config(
            app,
            http=guarded(limits),
            ws="none",
            lifespan="off",
            loop="none",
            log_level="critical",
            access_log=False,
            server_header=False,
            headers=HEADERS,
            limit_concurrency=limits.max_connections,
            timeout_keep_alive=60,
        )
        self._server, self._config = _Uvicorn(config), config
        self._task: asyncio.Task | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens; returns the port. Raises OSError if it is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Only with its protocol named does asyncio turn Nagle's algorithm off, which costs 40 ms per answer.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            listener.close()
            raise
        listener.listen(1024)
        self._task = asyncio.create_task(self._server.serve([listener]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.005)
        return listener.getsockname()[1]

    async def stop(self, grace: float) -> None:
        """Takes no new connections, and gives accepted requests `grace` seconds."""
        self._config.timeout_graceful_shutdown = max(1, int(grace))
        self._server.should_exit = True
        if self._task:
            await self._task
