"""One model of a server, asked over gRPC: PredictionService and ModelService."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from perceiver_keras.client.address import Address
from perceiver_keras.client.ends import DTYPES, End, Signature
from perceiver_keras.client.failures import UNFITTING, Failure
from perceiver_keras.errors import PerceiverError

MODELS_KEY = "perceiver-models-bin"  # our server's trailing metadata when a model is not there
TASK_FIELD = (
    "perceiver_task"  # our server's metadata field; TensorFlow Serving has signature_def only
)
OPTIONS = (
    ("grpc.max_send_message_length", -1),  # 4 MB otherwise: the server has the limit
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),  # HOST:PORT is what is asked, as over REST
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)
SLACK = 0.05  # seconds: the server counts a call's time, too, and may tell first that it has passed


class OverGrpc:
    """Calls take the seconds that they may last, and raise `Failure`."""

    def __init__(self, address: Address) -> None:
        try:
            import grpc
            from tensorflow_serving.apis import (
                model_service_pb2_grpc,
                prediction_service_pb2_grpc,
            )
        except ModuleNotFoundError as error:
            raise PerceiverError(
                f"gRPC needs the package {error.name}; `pip install 'perceiver-keras[serve]'` installs it. "
                "REST needs none: http://HOST:8501."
            ) from error
        self._grpc = grpc
        self._channel = grpc.insecure_channel(address.place, options=OPTIONS)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._management = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def metadata(
        self, model: str, version: int | None, label: str | None, seconds: float
    ) -> tuple[int, dict[str, Signature], dict[str, Any]]:
        """(version, signatures, the export's own description or {})."""
        from google.protobuf.message import DecodeError
        from google.protobuf.wrappers_pb2 import StringValue
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest()
        _fill(request.model_spec, model, version, label)
        request.metadata_field.extend(("signature_def", TASK_FIELD))
        try:
            reply = self._call(self._prediction.GetModelMetadata, request, seconds)
        except Failure as failure:
            if failure.code != "INVALID_ARGUMENT":
                raise
            request.metadata_field.pop()
            reply = self._call(self._prediction.GetModelMetadata, request, seconds)
        found = get_model_metadata_pb2.SignatureDefMap()
        about = StringValue()
        try:
            reply.metadata["signature_def"].Unpack(found)
            if TASK_FIELD in reply.metadata:
                reply.metadata[TASK_FIELD].Unpack(about)
            task = dict(json.loads(about.value or "{}"))
        except (DecodeError, ValueError, TypeError, RecursionError) as error:
            raise Failure("UNIMPLEMENTED", "its metadata are not a model server's") from error
        signatures = {
            name: Signature(_ends(one.inputs), _ends(one.outputs))
            for name, one in sorted(found.signature_def.items())
            if not name.startswith("__")  # TensorFlow's own, to initialize
        }
        return reply.model_spec.version.value, signatures, task

    def status(
        self, model: str, version: int | None, label: str | None, seconds: float
    ) -> list[dict[str, Any]]:
        """[{"version", "state", "error"}], of each version that the server knows."""
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, model, version, label)
        reply = self._call(self._management.GetModelStatus, request, seconds)
        states = get_model_status_pb2.ModelVersionStatus.State
        return [
            {
                "version": one.version,
                "state": states.Name(one.state),
                "error": one.status.error_message,
            }
            for one in reply.model_version_status
        ]

    def models(self, seconds: float) -> list[str] | None:
        """The names of the models, which our server tells; None of others."""
        try:
            self.metadata("", None, None, seconds)
        except Failure as failure:
            if not failure.reached:
                raise
            return failure.models
        return None

    def predict(
        self,
        model: str,
        version: int | None,
        label: str | None,
        signature: str,
        outputs: Mapping[str, End],
        arrays: Mapping[str, np.ndarray],
        seconds: float,
    ) -> dict[str, np.ndarray]:
        """The outputs of one signature; `outputs` is not needed here, since the reply has types and shapes."""
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        _fill(request.model_spec, model, version, label)
        request.model_spec.signature_name = signature
        for name, array in arrays.items():
            _write(request.inputs[name], array)
        reply = self._call(self._prediction.Predict, request, seconds)
        return {name: _read(name, proto) for name, proto in reply.outputs.items()}

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: Any, request: Any, seconds: float) -> Any:
        start = time.monotonic()
        try:
            return method(request, timeout=seconds)
        except self._grpc.RpcError as error:
            raise _failure(error, seconds - (time.monotonic() - start)) from error
        except ValueError as error:  # protobuf's own limit of 2 GiB
            raise Failure("RESOURCE_EXHAUSTED", str(error)) from error


def _failure(error: Any, left: float) -> Failure:
    """What an error says that came when the call had `left` seconds."""
    code, message = error.code().name, error.details() or ""
    told = dict(error.trailing_metadata() or ()).get(MODELS_KEY)
    try:
        models = None if told is None else [str(name) for name in json.loads(told)]
    except (ValueError, TypeError, RecursionError):
        models = None
    # The channel fails with these codes, too: with the first as a server would, with the second at the call's end.
    reached = left > SLACK if code == "DEADLINE_EXCEEDED" else code != "UNAVAILABLE"
    if not reached and "http1" in message:
        code = "UNIMPLEMENTED"  # it will not become another server
        message = "something that speaks HTTP/1; for REST write http:// before the address"
    message = message.split("last error: ")[-1].removeprefix("UNKNOWN: ")
    return Failure(code, message, reached, models)


def _fill(spec: Any, model: str, version: int | None, label: str | None) -> None:
    spec.name = model
    if version is not None:
        spec.version.value = version
    elif label is not None:
        spec.version_label = label


def _ends(infos: Mapping[str, Any]) -> dict[str, End]:
    from tensorflow.core.framework import types_pb2

    found, names = {}, {number: name for name, number in types_pb2.DataType.items()}
    for name, info in sorted(infos.items()):
        shape = info.tensor_shape
        sides = tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
        dtype = DTYPES.get(names.get(info.dtype), np.dtype(np.void))
        found[name] = End(dtype, None if shape.unknown_rank else sides)
    return found


def _write(proto: Any, array: np.ndarray) -> None:
    from tensorflow.core.framework import types_pb2

    name = next(name for name, dtype in DTYPES.items() if dtype == array.dtype)
    proto.dtype = types_pb2.DataType.Value(name)
    for side in array.shape:
        proto.tensor_shape.dim.add(size=side)
    if array.dtype.hasobject:
        proto.string_val.extend(array.ravel().tolist())
    else:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()


def _read(name: str, proto: Any) -> np.ndarray:
    import tensorflow as tf  # its messages have imported it already

    try:
        array = tf.make_ndarray(proto)
        if array.dtype.kind == "S":  # of a scalar
            array = np.array(proto.string_val[0], object)
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise Failure(UNFITTING, f"its output {name!r} is no tensor: {error}") from error
    return array
