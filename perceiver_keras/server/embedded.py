"""The server as one object: models, batches and both protocols in the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from perceiver_keras.server.grpc_api import GrpcServer
from perceiver_keras.server.http_server import HttpServer
from perceiver_keras.server.metrics import Gauge, Metrics
from perceiver_keras.server.models import Models
from perceiver_keras.server.operations import Operations
from perceiver_keras.server.page import Page
from perceiver_keras.server.rest_api import RestApi, application
from perceiver_keras.server.scheduler import Scheduler
from perceiver_keras.server.settings import Batching, Limits, ModelSource

HEALTH_SECONDS = 0.2  # how often the health service is told what is available


class EmbeddedServer:
    """Loads, listens and answers.

    Attributes:
      models: What is served.
      ready: Set as soon as every model has had an available version.
    """

    def __init__(
        self,
        sources: Sequence[ModelSource],
        batching: Batching,
        limits: Limits,
        say: Callable[[str], None],
        metrics_path: str | None = None,
    ) -> None:
        """`say` takes one line of what people should know; without `metrics_path` there are no metrics."""
        metrics = Metrics()
        self.ready = asyncio.Event()
        self.models = Models(sources, limits, metrics, say)
        self._scheduler = Scheduler(batching, limits, metrics)
        metrics.gauges.append(
            Gauge(":tensorflow:serving:queued_requests", lambda: self._scheduler.waiting)
        )
        operations = self._operations = Operations(self.models, self._scheduler, metrics)
        self._grpc = GrpcServer(operations, limits)
        routes = [
            *Page(self.models, limits).routes(),
            *RestApi(operations, limits, metrics_path).routes(),
        ]
        self._http = HttpServer(application(routes), limits)
        self._listening: set[str] = set()
        self._tasks: list[asyncio.Task] = []

    async def start(
        self, host: str, port: int, rest_port: int, poll_seconds: float
    ) -> dict[str, int]:
        """Loads the newest good versions, then listens.

        Args:
          host: The address.
          port, rest_port: 0 takes a free one, -1 leaves the protocol out.
          poll_seconds: How often the version folders are looked at.

        Returns:
          {"grpc": port, "rest": port} of those that listen.

        Raises:
          OSError, RuntimeError: a port is taken.
        """
        await self.models.look()
        ports = {}
        if port >= 0:
            ports["grpc"] = await self._grpc.start(
                f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            )
        if rest_port >= 0:
            ports["rest"] = await self._http.start(host, rest_port)
        self._listening = set(ports)
        watch = self.models.watch(max(0.05, poll_seconds))
        self._tasks = [asyncio.create_task(watch), asyncio.create_task(self._tell_health())]
        return ports

    async def _tell_health(self) -> None:
        while True:
            if self.models.ready():
                self.ready.set()
            await self._grpc.tell_health(self.models.ready())
            await asyncio.sleep(HEALTH_SECONDS)

    async def stop(self, grace: float) -> None:
        """Takes no new requests, answers the accepted ones within `grace` seconds, and closes the models."""
        for task in self._tasks:
            task.cancel()
        stops = [self._grpc.stop(grace)] if "grpc" in self._listening else []
        stops += [self._http.stop(grace)] if "rest" in self._listening else []
        await asyncio.gather(*stops)
        await asyncio.to_thread(self._scheduler.close)
        await self.models.close()
