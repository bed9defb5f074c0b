"""An embedded server in a thread of the test's process, and the two protocols of a client."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from perceiver_keras.server.embedded import EmbeddedServer
from perceiver_keras.server.settings import METRICS_PATH, Batching, Limits, ModelSource

BATCHING, LIMITS = Batching(), Limits()


class Running:
    """What a client needs: `ports`, `said` and calls of both protocols."""

    def __init__(self, server: EmbeddedServer, ports: dict[str, int], loop: Any, said: list[str]):
        self.server, self.ports, self.loop, self.said = server, ports, loop, said
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{ports['grpc']}", options=[("grpc.max_send_message_length", -1)]
        )
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.management = model_service_pb2_grpc.ModelServiceStub(self.channel)

    @property
    def addresses(self) -> list[str]:
        """What a client calls it, over gRPC and over REST."""
        return [f"127.0.0.1:{self.ports['grpc']}", f"http://127.0.0.1:{self.ports['rest']}"]

    def wait(self, coroutine: Any) -> Any:
        """Runs a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def http(
        self, method: str, path: str, body: bytes | None = None, headers: dict | None = None
    ) -> tuple[int, bytes]:
        """(status, body) of one HTTP request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["rest"], timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, JSON) of GET, or of POST with a body."""
        data = None if body is None else json.dumps(body).encode()
        status, text = self.http("GET" if body is None else "POST", path, data)
        return status, json.loads(text)

    def predict(self, model: str = "half", signature: str = "", **inputs: Any) -> Any:
        """A PredictResponse; raises grpc.RpcError."""
        return self.prediction.Predict(request(model, signature, **inputs), timeout=30)


def request(model: str = "half", signature: str = "", **inputs: Any) -> predict_pb2.PredictRequest:
    """As any client with tensorflow-serving-api makes it."""
    made = predict_pb2.PredictRequest()
    made.model_spec.name, made.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
        made.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return made


@contextlib.contextmanager
def running(
    sources: Sequence[ModelSource],
    batching: Batching = BATCHING,
    limits: Limits = LIMITS,
    poll_seconds: float = 0.05,
    ports: tuple[int, int] = (0, 0),
    seconds: float = 60.0,
) -> Iterator[Running]:
    """Starts a server within `seconds`, on free ports where these are 0, and stops it at the end."""
    loop, said = asyncio.new_event_loop(), []
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[EmbeddedServer, dict[str, int]]:
        made = EmbeddedServer(sources, batching, limits, said.append, METRICS_PATH)
        return made, await made.start("127.0.0.1", *ports, poll_seconds)

    try:
        server, ports = asyncio.run_coroutine_threadsafe(start(), loop).result(seconds)
        found = Running(server, ports, loop, said)
        try:
            yield found
        finally:
            found.channel.close()
            found.wait(server.stop(5.0))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
