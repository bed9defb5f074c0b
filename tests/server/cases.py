"""TensorFlow Serving's documented behaviour as a table: a request, the reply that it has, and where that is written.

The model is `tiny_models`, version 7, named `half`. Sources are files of github.com/tensorflow/serving.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

REST_PAGE = "g3doc/api_rest.md"
REST_CODE = "model_servers/http_rest_api_util.cc"
HTTP_CODE = "model_servers/http_server.cc"
JSON_CODE = "util/json_tensor.cc"
CORE = "core/basic_manager.cc"
STATUS = "model_servers/get_model_status_impl.cc"
PREDICT = "servables/tensorflow/predict_util.cc"
CLASSIFIER = "servables/tensorflow/classifier.cc"
REGRESSOR = "servables/tensorflow/regressor.cc"
METADATA = "servables/tensorflow/get_model_metadata_impl.cc"
HALF = "/v1/models/half"


@dataclass(frozen=True)
class Rest:
    """One request over REST.

    Attributes:
      path, body: GET without a body, else POST; bytes are sent as they are.
      status: Of HTTP.
      answer: The JSON of the reply or, for errors, a part of its message.
      source: Where TensorFlow Serving says so.
    """

    path: str
    body: Any
    status: int
    answer: Any
    source: str


@dataclass(frozen=True)
class Grpc:
    """One Predict over gRPC; `answer` is {output: values}, or a part of the error's details."""

    inputs: dict[str, Any]
    code: str
    answer: Any
    source: str
    signature: str = ""
    model: str = "half"
    version: int | None = None


def predict(body: dict, status: int, answer: Any, source: str, at: str = HALF) -> Rest:
    return Rest(f"{at}:predict", body, status, answer, source)


AVAILABLE = {
    "version": "7",
    "state": "AVAILABLE",
    "status": {"error_code": "OK", "error_message": ""},
}
TEXT = {"signature_name": "text"}
REST = [
    Rest(HALF, None, 200, {"model_version_status": [AVAILABLE]}, REST_PAGE),
    Rest(f"{HALF}/versions/7", None, 200, {"model_version_status": [AVAILABLE]}, REST_PAGE),
    Rest(f"{HALF}/versions/8", None, 404, "Could not find version 8 of model half", STATUS),
    Rest("/v1/models/other", None, 404, "Could not find any versions of model other", STATUS),
    Rest("/v1/models", None, 400, "Missing model name in request.", REST_CODE),
    Rest(f"{HALF}/labels/none", None, 400, "Unrecognized servable version label", CORE),
    Rest("/V1/Models/half", None, 200, {"model_version_status": [AVAILABLE]}, REST_CODE),
    Rest(f"{HALF}:predict", None, 400, "Malformed request: GET", REST_CODE),
    Rest(f"{HALF}:explode", {}, 400, "Malformed request: POST", REST_CODE),
    predict({"instances": [1.0, 2.0, 5.0]}, 200, {"predictions": [2.5, 3.0, 4.5]}, REST_PAGE),
    predict({"instances": [{"x": 1.0}]}, 200, {"predictions": [2.5]}, REST_PAGE),
    predict({"inputs": [1, 2]}, 200, {"outputs": [2.5, 3.0]}, REST_PAGE),
    predict({"inputs": {"x": [1]}}, 200, {"outputs": [2.5]}, REST_PAGE),
    predict({"inputs": [1]}, 200, {"outputs": [2.5]}, REST_PAGE, f"{HALF}/versions/7"),
    predict(
        {"inputs": [1]},
        404,
        "Servable not found for request: Specific(half, 8)",
        CORE,
        f"{HALF}/versions/8",
    ),
    predict(
        {"instances": [1.0]},
        404,
        "Servable not found for request: Latest(other)",
        REST_PAGE,
        "/v1/models/other",
    ),
    Rest(f"{HALF}:predict", b'{"inputs": [NaN, Infinity]}', 200, None, REST_PAGE),
    predict(
        {**TEXT, "instances": ["a"]},
        200,
        {"predictions": [{"length": 1, "same_bytes": {"b64": "YQ=="}, "upper": "A"}]},
        REST_PAGE,
    ),
    predict(
        {**TEXT, "inputs": [{"b64": "YQ"}]},
        200,
        {"outputs": {"length": [1], "same_bytes": [{"b64": "YQ=="}], "upper": ["A"]}},
        REST_PAGE,
    ),
    predict({**TEXT, "inputs": [{"b64": "!"}]}, 400, "Unable to base64 decode", JSON_CODE),
    predict(
        {**TEXT, "inputs": [{"b65": "YQ"}]},
        400,
        "not formatted correctly for base64 data",
        JSON_CODE,
    ),
    predict(
        {"signature_name": "two_inputs", "instances": [{"a": 1, "b": [1, 2]}]},
        200,
        {"predictions": [{"a": 1.0, "sum": 4.0}]},
        REST_PAGE,
    ),
    predict(
        {"signature_name": "two_inputs", "instances": [1]},
        400,
        "instances is a plain list",
        JSON_CODE,
    ),
    predict(
        {"signature_name": "two_inputs", "inputs": [1]},
        400,
        "inputs is a plain value/list",
        JSON_CODE,
    ),
    predict(
        {"signature_name": "two_inputs", "inputs": {"a": [1]}},
        400,
        "Missing named input: b",
        JSON_CODE,
    ),
    predict(
        {"signature_name": "two_inputs", "instances": [{"a": 1}]},
        400,
        "keys must be equal to: a,b",
        JSON_CODE,
    ),
    predict({"signature_name": "scalar", "inputs": 4}, 200, {"outputs": 4.0}, REST_PAGE),
    predict(
        {"signature_name": "nope", "inputs": [1]},
        400,
        "not found in signature def",
        "model_servers/http_rest_api_handler.cc",
    ),
    predict(
        {"signature_name": 3, "inputs": [1]},
        400,
        "'signature_name' key must be a string value",
        JSON_CODE,
    ),
    predict({}, 400, "Missing 'inputs' or 'instances' key", JSON_CODE),
    predict(
        {"instances": [1], "inputs": [1]},
        400,
        "expecting only one of 'inputs' or 'instances'",
        JSON_CODE,
    ),
    predict({"instances": []}, 400, "No values in 'instances' array", JSON_CODE),
    predict({"instances": 3}, 400, "Expecting 'instances' to be an list/array", JSON_CODE),
    predict({"instances": ["a"]}, 400, "is not of expected type: float", JSON_CODE),
    predict({"inputs": [[1, 2], [3]]}, 400, "Encountered list at unexpected size: 1", JSON_CODE),
    predict({"inputs": [1, [2]]}, 400, "Encountered list at unexpected level", JSON_CODE),
    Rest(f"{HALF}:predict", b"", 400, "JSON Parse error: The document is empty", JSON_CODE),
    Rest(f"{HALF}:predict", b"[1]", 400, "Is not object", JSON_CODE),
    Rest(f"{HALF}:predict", b"{", 400, "JSON Parse error", JSON_CODE),
    Rest(
        f"{HALF}:classify",
        {"signature_name": "classify", "examples": [{"x": 0.25}]},
        200,
        {"results": [[["low", 0.75], ["high", 0.25]]]},
        REST_PAGE,
    ),
    Rest(
        f"{HALF}:regress",
        {"signature_name": "regress", "examples": [{"x": [1.0]}, {"x": 2.0}]},
        200,
        {"results": [2.5, 3.0]},
        REST_PAGE,
    ),
    Rest(
        f"{HALF}:regress",
        {"signature_name": "regress", "context": {"x": 2.0}, "examples": [{}]},
        200,
        {"results": [3.0]},
        REST_PAGE,
    ),
    Rest(
        f"{HALF}:classify",
        {"signature_name": "classify"},
        400,
        "key 'examples' is expected",
        JSON_CODE,
    ),
    Rest(f"{HALF}:classify", {"examples": [{"x": 1.0}]}, 400, "classification", CLASSIFIER),
    Rest(f"{HALF}:regress", {"examples": [{"x": 1.0}]}, 400, "regression", REGRESSOR),
]
INVALID = "INVALID_ARGUMENT"
GRPC = [
    Grpc({"x": [1.0, 2.0]}, "OK", {"y": [2.5, 3.0]}, PREDICT),
    Grpc({"x": [1.0]}, "OK", {"y": [2.5]}, CORE, version=7),
    Grpc(
        {"x": [1.0]},
        "NOT_FOUND",
        "Servable not found for request: Specific(half, 8)",
        CORE,
        version=8,
    ),
    Grpc(
        {"x": [1.0]},
        "NOT_FOUND",
        "Servable not found for request: Latest(other)",
        CORE,
        model="other",
    ),
    Grpc(
        {"x": [1.0]},
        INVALID,
        "ModelSpec has no name specified.",
        "model_servers/server_core.cc",
        model="",
    ),
    Grpc(
        {"x": [1.0]},
        "FAILED_PRECONDITION",
        'Serving signature key "nope" not found.',
        PREDICT,
        "nope",
    ),
    Grpc({}, INVALID, "input size does not match signature: 0!=1", PREDICT),
    Grpc({"x": [1.0], "z": [1.0]}, INVALID, "Sent extra: {z}", PREDICT),
    Grpc({"x": [1]}, INVALID, "to be float but", "Session::Run"),
    Grpc({"x": [-1.0]}, INVALID, "a negative value", "Session::Run", "checked"),
]


def wrong(case: Rest, status: int, text: bytes) -> str:
    """What is wrong with a reply over REST; "" if it is as documented."""
    try:
        found = json.loads(text)
    except ValueError:
        return f"no JSON: {text[:200]!r}"
    if status != case.status:
        return f"status {status}, expected {case.status}: {found}"
    if status != 200:
        message = found.get("error", "")
        return "" if case.answer in message else f"error {message!r} lacks {case.answer!r}"
    return "" if case.answer is None or found == case.answer else f"{found}, expected {case.answer}"
