"""gRPC: PredictionService, ModelService and the standard health service."""

from __future__ import annotations

import json
import math
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from perceiver_keras.server.aside import HUGE, LARGE, aside, give_back_memory
from perceiver_keras.server.loaded import Signature
from perceiver_keras.server.operations import Answer, Arrays, Asked, Operations
from perceiver_keras.server.settings import Limits
from perceiver_keras.server.status import Code, ServingError, from_exception, invalid
from perceiver_keras.server.tensors import fill_proto, to_array

SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
MODELS_KEY = "perceiver-models-bin"  # in the trailing metadata; names need not be ASCII
_WARNINGS = threading.Lock()  # what is done with warnings is the same for all threads
_STATUS = {code.value[0]: code for code in grpc.StatusCode}


def asked_of(message: Any, context: Any) -> Asked:
    """Which model a request's model_spec names, and how long its client waits."""
    spec = message.model_spec
    choice = spec.WhichOneof("version_choice")
    return Asked(
        name=spec.name,
        version=spec.version.value if choice == "version" else None,
        label=spec.version_label if choice == "version_label" else None,
        signature=spec.signature_name,
        seconds=context.time_remaining(),
    )


class Prediction:
    """Predict, Classify, Regress and GetModelMetadata. What has no handler, as MultiInference, is UNIMPLEMENTED."""

    def __init__(self, operations: Operations, limits: Limits) -> None:
        self._operations, self._limits = operations, limits

    async def Predict(self, request: Any, context: Any) -> Any:
        def read(signature: Signature) -> Arrays:
            return {
                name: to_array(
                    proto,
                    name,
                    signature.inputs[name].dtype if name in signature.inputs else proto.dtype,
                    self._limits.max_request_bytes,
                )
                for name, proto in request.inputs.items()
            }

        def response_of(answer: Answer) -> Any:
            response = predict_pb2.PredictResponse()
            _fill_spec(response, request, answer)
            for name, array in answer.outputs.items():
                fill_proto(response.outputs[name], array)
            return response

        async def run() -> Any:
            answer = await self._operations.predict(
                asked_of(request, context),
                read,
                tuple(request.output_filter),
                large=_declared(request) > LARGE,
            )
            many = sum(array.size for array in answer.outputs.values()) > LARGE
            return await aside(many, response_of, answer)

        return await self._answered("Predict", request, context, run)

    async def Classify(self, request: Any, context: Any) -> Any:
        async def run() -> Any:
            answer, classes = await self._operations.classify(
                asked_of(request, context), request.input
            )
            response = classification_pb2.ClassificationResponse()
            _fill_spec(response, request, answer)
            for row in classes:
                found = response.result.classifications.add()
                for label, score in row:
                    found.classes.add(label=label.decode("utf-8", "replace"), score=score)
            return response

        return await self._answered("Classify", request, context, run)

    async def Regress(self, request: Any, context: Any) -> Any:
        async def run() -> Any:
            answer, numbers = await self._operations.regress(
                asked_of(request, context), request.input
            )
            response = regression_pb2.RegressionResponse()
            _fill_spec(response, request, answer)
            for number in numbers.tolist():
                response.result.regressions.add(value=number)
            return response

        return await self._answered("Regress", request, context, run)

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:
        async def run() -> Any:
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            return self._operations.metadata(
                asked_of(request, context), tuple(request.metadata_field)
            )

        return await _told(context, run, self._operations, request)

    async def _answered(
        self, api: str, request: Any, context: Any, run: Callable[[], Awaitable[Any]]
    ) -> Any:
        start, metrics = time.monotonic(), self._operations.metrics
        name, status = request.model_spec.name, "CANCELLED"
        if name not in self._operations.models.names:
            name = ""  # a client's invention must not become a series of its own

        try:
            answer = await run()
            status = "OK"
            metrics.latency.observe((time.monotonic() - start) * 1e6, name, api, "GRPC")
            return answer
        except Exception as error:
            told = from_exception(error)
            status = told.code.name
            await _refuse(context, told)
        finally:
            metrics.requests.add(name, status)


class ModelManagement:
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def GetModelStatus(self, request: Any, context: Any) -> Any:
        async def run() -> Any:
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            return self._operations.status(asked_of(request, context))

        return await _told(context, run, self._operations, request)

    async def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:
        async def run() -> Any:
            await self._operations.reload(request.config)
            return model_management_pb2.ReloadConfigResponse()

        return await _told(context, run, self._operations, request)


def _parsed(kind: type[Message], data: bytes) -> Message:
    with _WARNINGS, warnings.catch_warnings():
        # Python's parser stops at some errors with a warning, and would answer half of a request.
        warnings.simplefilter("error", RuntimeWarning)
        return kind.FromString(data)


def _declared(request: Any) -> int:
    """How many values the tensors of a request say that they have."""
    return sum(
        math.prod(max(axis.size, 0) for axis in tensor.tensor_shape.dim)
        for tensor in request.inputs.values()
    )


def _handler(kind: type[Message], answer: Callable[[Any, Any], Awaitable[Any]]) -> Any:
    """Bytes that are no such message are INTERNAL, as gRPC in C++ has it; left to grpcio they are UNKNOWN."""

    async def parsed(data: bytes, context: Any) -> Any:
        try:
            request = await aside(len(data) > LARGE, _parsed, kind, data)
        except (DecodeError, RuntimeWarning, SystemError):
            error = ServingError(Code.INTERNAL, f"the bytes are no {kind.DESCRIPTOR.name}")
            return await _refuse(context, error)
        try:
            return await answer(request, context)
        finally:
            if len(data) > HUGE:
                await aside(True, give_back_memory)

    return grpc.unary_unary_rpc_method_handler(
        parsed, response_serializer=lambda answered: answered.SerializeToString()
    )


async def _told(
    context: Any, run: Callable[[], Awaitable[Any]], operations: Operations, request: Any
) -> Any:
    """A question about a model; that it is not there comes with the names of those that are."""
    try:
        return await run()
    except Exception as error:
        names = operations.models.names
        spec = getattr(request, "model_spec", None)
        unknown = spec is not None and spec.name not in names
        told = ((MODELS_KEY, json.dumps(names).encode()),) if unknown else ()
        await _refuse(context, from_exception(error), told)


async def _refuse(context: Any, error: ServingError, trailing: tuple = ()) -> None:
    await context.abort(_STATUS[int(error.code)], error.message, trailing)


def _fill_spec(response: Any, request: Any, answer: Answer) -> None:
    response.model_spec.name = request.model_spec.name
    response.model_spec.signature_name = answer.signature
    response.model_spec.version.value = answer.version


class GrpcServer:
    """All services on one port."""

    def __init__(self, operations: Operations, limits: Limits) -> None:
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limits.max_request_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", limits.max_header_bytes),
                ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a lottery
            ]
        )
        prediction, management = Prediction(operations, limits), ModelManagement(operations)
        handlers = {
            "PredictionService": {
                "Predict": (predict_pb2.PredictRequest, prediction.Predict),
                "Classify": (classification_pb2.ClassificationRequest, prediction.Classify),
                "Regress": (regression_pb2.RegressionRequest, prediction.Regress),
                "GetModelMetadata": (
                    get_model_metadata_pb2.GetModelMetadataRequest,
                    prediction.GetModelMetadata,
                ),
            },
            "ModelService": {
                "GetModelStatus": (
                    get_model_status_pb2.GetModelStatusRequest,
                    management.GetModelStatus,
                ),
                "HandleReloadConfigRequest": (
                    model_management_pb2.ReloadConfigRequest,
                    management.HandleReloadConfigRequest,
                ),
            },
        }
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    f"tensorflow.serving.{service}",
                    {name: _handler(*method) for name, method in methods.items()},
                )
                for service, methods in handlers.items()
            ]
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self, address: str) -> int:
        """Listens on HOST:PORT, where port 0 takes a free one; returns the port. Raises RuntimeError if it is taken."""
        port = self._server.add_insecure_port(address)
        if not port:
            raise RuntimeError(f"gRPC can't listen on {address}")
        await self._server.start()
        return port

    async def tell_health(self, serving: bool) -> None:
        """What the health service says of every service."""
        state = health_pb2.HealthCheckResponse
        for service in SERVICES:
            await self._health.set(service, state.SERVING if serving else state.NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Takes no new requests, and gives those that were accepted `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
