"""REST, as TensorFlow Serving has it: status, metadata, predict, classify, regress, and Prometheus's metrics."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from google.protobuf import json_format
from google.protobuf.wrappers_pb2 import StringValue
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tensorflow_serving.apis import get_model_metadata_pb2

from perceiver_keras.server import examples, http_bodies, rows
from perceiver_keras.server.aside import HUGE, LARGE, aside, give_back_memory
from perceiver_keras.server.operations import SIGNATURE_DEF, TASK_FIELD, Asked, Operations
from perceiver_keras.server.settings import Limits
from perceiver_keras.server.status import Code, ServingError, from_exception, invalid, late
from perceiver_keras.stack import with_defaults

_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
POST = re.compile(
    r"(?i:/v1/models)/(?P<name>[^/:]+)" + _VERSION + r":(?P<method>(?i:classify|regress|predict))",
    re.A,
)
GET = re.compile(
    r"(?i:/v1/models)(?:/(?P<name>[^/:]+))?" + _VERSION + r"(?:/(?P<what>(?i:metadata)))?", re.A
)


class RestApi:
    """The endpoints, on one server's operations."""

    def __init__(
        self, operations: Operations, limits: Limits, metrics_path: str | None = None
    ) -> None:
        self._operations, self._limits, self._metrics_path = operations, limits, metrics_path

    def routes(self) -> list[Route]:
        """For a Starlette application; every path below /v1 is ours, whatever its method."""
        methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
        found = [Route("/{rest:path}", self._v1, methods=methods)]
        if self._metrics_path:
            found.insert(0, Route(self._metrics_path, self._metrics, methods=["GET"]))
        return found

    async def _metrics(self, request: Request) -> Response:
        return PlainTextResponse(
            self._operations.metrics.page(), media_type="text/plain; version=0.0.4"
        )

    async def _v1(self, request: Request) -> Response:
        path = request.scope["raw_path"].split(b"?")[0].decode("latin-1")
        if not path.lower().startswith("/v1/"):
            return _json({"error": "Not Found"}, 404)
        start, status, asked, method = time.monotonic(), "CANCELLED", None, ""
        unread = _has_body(request)
        try:
            if request.method == "POST" and (found := POST.fullmatch(path)):
                asked, method = _asked(found.groupdict()), found["method"].lower()
                body = await http_bodies.read_body(request.stream(), request.headers, self._limits)
                unread = False
                until = start + self._limits.request_timeout_seconds
                content = await self._answer(method, asked, body, until)
            elif request.method in ("GET", "HEAD") and (found := GET.fullmatch(path)):
                content = self._describe(_asked(found.groupdict()), found["what"])
            else:
                raise invalid(f"Malformed request: {request.method} {path}")
            status = "OK"
            return Response(content, media_type="application/json")
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            told = from_exception(error)
            status = told.code.name
            # What is left of the body is not read: the connection can't carry another request.
            close = {"connection": "close"} if unread else {}
            return _json({"error": told.message}, told.http_status, close)
        finally:
            if asked is not None:
                self._count(asked.name, method.capitalize(), status, start)

    def _count(self, name: str, api: str, status: str, start: float) -> None:
        metrics = self._operations.metrics
        name = name if name in self._operations.models.names else ""
        metrics.requests.add(name, status)
        if status == "OK":
            metrics.latency.observe((time.monotonic() - start) * 1e6, name, api, "REST")

    async def _answer(self, method: str, asked: Asked, body: bytes, until: float) -> bytes:
        """To a body, by a time of `time.monotonic`."""
        if len(body) <= LARGE:  # only computing takes long, and the scheduler watches that
            return await self._read(method, asked, body, until)
        http_bodies.check_values(body, self._limits)
        try:
            left = until - time.monotonic()
            return await asyncio.wait_for(self._read(method, asked, body, until), left)
        except asyncio.TimeoutError:
            raise late() from None
        finally:
            if len(body) > HUGE:
                await aside(True, give_back_memory)

    async def _read(self, method: str, asked: Asked, body: bytes, until: float) -> bytes:
        large = len(body) > LARGE
        document = await aside(large, rows.parse, body)
        asked = dataclasses.replace(
            asked, signature=rows.signature_name(document), seconds=until - time.monotonic()
        )
        if method == "predict":
            return await self._predict(asked, document, large)
        given = await aside(large, examples.input_of, document)
        if method == "classify":
            _, classes = await self._operations.classify(asked, given)
            pairs = [[[label.decode("utf-8", "replace"), s] for label, s in row] for row in classes]
            return rows.encode({"results": pairs})
        _, numbers = await self._operations.regress(asked, given)
        return rows.encode({"results": numbers})

    async def _predict(self, asked: Asked, document: Mapping[str, Any], large: bool) -> bytes:
        answer = await self._operations.predict(
            asked,
            lambda signature: rows.arrays_of(document, signature.inputs),
            unknown_signature=Code.INVALID_ARGUMENT,
            large=large,
        )
        many = sum(array.size for array in answer.outputs.values()) > LARGE
        return await aside(many, rows.predictions, answer.outputs, rows.is_rows(document))

    def _describe(self, asked: Asked, what: str | None) -> bytes:
        if not asked.name:
            raise invalid("Missing model name in request.")
        if what:
            return metadata_json(self._operations.metadata(asked, (SIGNATURE_DEF, TASK_FIELD)))
        response = self._operations.status(asked)
        text = json_format.MessageToJson(
            response, **with_defaults(), preserving_proto_field_name=True
        )
        return text.encode()


def _has_body(request: Request) -> bool:
    headers = request.headers
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def metadata_json(response: get_model_metadata_pb2.GetModelMetadataResponse) -> bytes:
    """A GetModelMetadataResponse as JSON, its signatures unpacked."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata[SIGNATURE_DEF].Unpack(signatures)
    options = dict(**with_defaults(), preserving_proto_field_name=True)
    spec = json_format.MessageToDict(response.model_spec, **options)
    found = json_format.MessageToDict(signatures, **options)
    told = {SIGNATURE_DEF: found}
    if TASK_FIELD in response.metadata:
        about = StringValue()
        response.metadata[TASK_FIELD].Unpack(about)
        told[TASK_FIELD] = json.loads(about.value)
    return rows.encode({"model_spec": spec, "metadata": told})


def _asked(parts: Mapping[str, str | None]) -> Asked:
    version = parts["version"]
    digits = (version or "").lstrip("0")  # Python reads no number of thousands of digits
    if len(digits) > 19 or int(digits or 0) >= 2**63:
        raise invalid(f"Failed to convert version: {version} to numeric.")
    return Asked(
        name=_decoded(parts["name"] or ""),
        version=None if version is None else int(digits or 0),
        label=None if parts["label"] is None else _decoded(parts["label"]),
    )


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise invalid("the name in the path is not UTF-8") from None


def _json(value: dict[str, str], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(rows.encode(value), status, headers, media_type="application/json")


def application(routes: list[Route]) -> Starlette:
    """The routes as an ASGI application; what escapes a handler is answered as an error in JSON."""

    async def broken(request: Request, error: Exception) -> Response:
        told = error if isinstance(error, ServingError) else from_exception(error)
        return _json({"error": told.message}, told.http_status)

    async def nowhere(request: Request, error: HTTPException) -> Response:
        """No route has this path, or this method: the body was not read, and the connection can't go on."""
        close = {"connection": "close"} if _has_body(request) else {}
        return _json({"error": error.detail}, error.status_code, {**(error.headers or {}), **close})

    return Starlette(routes=routes, exception_handlers={Exception: broken, HTTPException: nowhere})
