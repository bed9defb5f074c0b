"""REST: paths, formats, statuses and bodies as TensorFlow Serving's page has them."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time

import numpy as np
import pytest

from perceiver_keras.server import rows
from perceiver_keras.server.aside import LARGE
from perceiver_keras.server.settings import METRICS_PATH, Limits, ModelSource
from tests.server.running import running

HALF = "/v1/models/half"


def error(server, path: str, body=None, status: int = 400) -> str:
    found, answer = server.ask(path, body)
    assert (found, list(answer)) == (status, ["error"]), answer
    return answer["error"]


def test_the_pages_example(server) -> None:
    assert server.ask(f"{HALF}:predict", {"instances": [1.0, 2.0, 5.0]}) == (
        200,
        {"predictions": [2.5, 3.0, 4.5]},
    )
    assert server.ask(HALF) == (
        200,
        {
            "model_version_status": [
                {
                    "version": "7",
                    "state": "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                }
            ]
        },
    )


@pytest.mark.parametrize("place", ["", "/versions/7", "/labels/stable"])
def test_versions_and_labels_are_in_the_path(server, place) -> None:
    assert server.ask(f"{HALF}{place}:predict", {"inputs": [2]}) == (200, {"outputs": [3.0]})
    status, answer = server.ask(f"{HALF}{place}/metadata")
    assert status == 200 and answer["model_spec"]["version"] == "7"
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["x"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert server.ask(f"{HALF}{place}")[0] == 200


def test_row_and_column_format_of_several_tensors(server) -> None:
    rows = [{"a": 1.0, "b": [1, 2]}, {"a": 2, "b": [3, 4]}]
    path = f"{HALF}:predict"
    assert server.ask(path, {"signature_name": "two_inputs", "instances": rows}) == (
        200,
        {"predictions": [{"a": 1.0, "sum": 4.0}, {"a": 2.0, "sum": 9.0}]},
    )
    columns = {"a": [1.0, 2.0], "b": [[1, 2], [3, 4]]}
    assert server.ask(path, {"signature_name": "two_inputs", "inputs": columns}) == (
        200,
        {"outputs": {"a": [1.0, 2.0], "sum": [4.0, 9.0]}},
    )


def test_bytes_are_base64_where_the_name_says_so(server) -> None:
    coded = base64.b64encode(b"\xff\x00a").decode()
    body = {"signature_name": "text", "instances": ["aé", {"b64": coded}]}
    status, answer = server.ask(f"{HALF}:predict", body)
    assert status == 200
    first, second = answer["predictions"]
    assert first["upper"] == "Aé" and first["length"] == 3
    assert base64.b64decode(first["same_bytes"]["b64"]) == "aé".encode()
    assert base64.b64decode(second["same_bytes"]["b64"]) == b"\xff\x00a"


def test_a_tensor_without_batch_goes_in_columns(server) -> None:
    body = {"signature_name": "scalar", "inputs": 4.0}
    assert server.ask(f"{HALF}:predict", body) == (200, {"outputs": 4.0})
    body = {"signature_name": "scalar", "instances": [4.0]}
    assert "expected the shape []" in error(server, f"{HALF}:predict", body)


def test_numbers_that_are_not_finite_go_both_ways(server) -> None:
    status, text = server.http("POST", f"{HALF}:predict", b'{"inputs": [NaN, -Infinity, 0.2]}')
    assert (status, text) == (200, b'{"outputs": [NaN, -Infinity, 2.1]}')


def test_classify_and_regress(server) -> None:
    body = {"signature_name": "classify", "examples": [{"x": 0.25}, {"x": [1.0]}]}
    assert server.ask(f"{HALF}:classify", body) == (
        200,
        {"results": [[["low", 0.75], ["high", 0.25]], [["low", 0.0], ["high", 1.0]]]},
    )
    body = {"signature_name": "regress", "context": {"x": 3.0}, "examples": [{}, {"y": 1}]}
    assert server.ask(f"{HALF}:regress", body) == (200, {"results": [3.5, 3.5]})
    assert error(server, f"{HALF}:regress", {"examples": [{"x": 1.0}]}).startswith("No regression")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", f"{HALF}/versions/8", 404, "Could not find version 8 of model half"),
        ("GET", f"{HALF}/labels/canary", 400, "Unrecognized servable version label: canary"),
        ("GET", f"{HALF}/versions/99999999999999999999", 400, "Failed to convert version: 9999"),
        ("GET", f"{HALF}:predict", 400, f"Malformed request: GET {HALF}:predict"),
        ("PUT", f"{HALF}:predict", 400, f"Malformed request: PUT {HALF}:predict"),
        ("DELETE", HALF, 400, f"Malformed request: DELETE {HALF}"),
        ("POST", HALF, 400, f"Malformed request: POST {HALF}"),
        ("POST", f"{HALF}:explode", 400, f"Malformed request: POST {HALF}:explode"),
        ("POST", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("POST", f"{HALF}/versions/8:predict", 404, "Specific(half, 8)"),
        ("POST", "/v1/models/..%2f..%2fetc:predict", 404, "Latest(../../etc)"),
        ("GET", "/v1/models/%2e%2e/metadata", 404, "Latest(..)"),
        ("GET", "/v1/../../etc/passwd", 400, "Malformed request"),
        ("GET", "/v1/models/%ff", 400, "not UTF-8"),
        ("GET", "/etc/passwd", 404, "Not Found"),
    ],
)
def test_paths_that_lead_nowhere(server, method, path, status, words) -> None:
    body = b'{"inputs": [1]}' if method == "POST" else None
    found, text = server.http(method, path, body)
    assert found == status and words in json.loads(text)["error"], text


def test_the_signature_must_be_a_known_name(server) -> None:
    path = f"{HALF}:predict"
    words = 'Serving signature name: "nope" not found in signature def'
    assert error(server, path, {"signature_name": "nope", "inputs": [1]}) == words
    assert "must be a string" in error(server, path, {"signature_name": 3, "inputs": [1]})


def test_bodies_may_be_packed(server) -> None:
    body = gzip.compress(b'{"inputs": [2]}')
    headers = {"Content-Encoding": "gzip"}
    assert server.http("POST", f"{HALF}:predict", body, headers) == (200, b'{"outputs":[3.0]}')


def test_a_body_that_is_too_large_packed_or_not_is_413(server) -> None:
    large = b" " * (2 << 20)
    status, text = server.http("POST", f"{HALF}:predict", large)
    assert status == 413 and b"max_request_bytes" in text
    bomb, headers = gzip.compress(large), {"Content-Encoding": "gzip"}
    assert len(bomb) < 4096
    assert server.http("POST", f"{HALF}:predict", bomb, headers)[0] == 413


def test_nesting_without_end_is_400(server) -> None:
    for body in (
        b'{"inputs":' + b"[" * 100_000,
        b'{"a":' * 10_000,
        b'{"a": NaN, "b":' + b"[" * 10**5,
    ):
        status, text = server.http("POST", f"{HALF}:predict", body)
        assert status == 400 and b"JSON Parse error" in text
    assert server.ask(f"{HALF}:predict", {"inputs": [2]})[0] == 200


def test_metrics_are_at_tensorflow_servings_path(server) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    server.ask(f"{HALF}:predict", {"inputs": [2]})
    server.ask("/v1/models/invented:predict", {"inputs": [2]})
    status, text = server.http("GET", METRICS_PATH)
    families = {f.name: f for f in text_string_to_metric_families(text.decode())}
    assert status == 200
    requests = {
        (s.labels["model_name"], s.labels["status"]): s.value
        for s in families[":tensorflow:serving:request_count"].samples
    }
    assert requests["half", "OK"] >= 1 and requests["", "NOT_FOUND"] >= 1
    assert not any(name == "invented" for name, _ in requests)


def test_float32_is_written_in_its_own_digits(server) -> None:
    values = np.float32([0.1, 1e-7, 3.3333333, 16777216])
    status, text = server.http(
        "POST", f"{HALF}:predict", json.dumps({"inputs": values.tolist()}).encode()
    )
    back = np.float32(json.loads(text)["outputs"])
    np.testing.assert_array_equal(back, values * np.float32(0.5) + 2)
    assert b"2.05," in text


# === Large requests ===

LARGE_BODY = json.dumps({"instances": [1.0] * LARGE}).encode()


@pytest.mark.parametrize("step", ["parse", "arrays_of", "predictions"])
def test_others_are_answered_while_a_large_request_is_read_and_written(
    server, monkeypatch, step
) -> None:
    others, found, real = threading.Event(), [], getattr(rows, step)

    def slow(*arguments):
        if threading.current_thread().name.startswith("large"):
            assert others.wait(30)
        return real(*arguments)

    monkeypatch.setattr(rows, step, slow)
    large = threading.Thread(
        target=lambda: found.append(server.http("POST", f"{HALF}:predict", LARGE_BODY))
    )
    large.start()
    for _ in range(20):
        assert server.ask(f"{HALF}:predict", {"instances": [1.0]})[0] == 200
    others.set()
    large.join(30)
    [(status, text)] = found
    assert status == 200 and json.loads(text)["predictions"] == [2.5] * LARGE


def test_the_time_of_a_request_is_that_of_reading_it_too(base, monkeypatch) -> None:
    source = ModelSource(name="half", base_path=str(base))
    real, answered = rows.parse, threading.Event()

    def slow(body):
        if len(body) > LARGE:
            answered.wait(30)
        return real(body)

    monkeypatch.setattr(rows, "parse", slow)
    with running([source], limits=Limits(request_timeout_seconds=1.0)) as served:
        start = time.monotonic()
        status, text = served.http("POST", f"{HALF}:predict", LARGE_BODY)
        answered.set()
        assert status == 504 and b"in time" in text and time.monotonic() - start < 10
        assert served.ask(f"{HALF}:predict", {"instances": [1.0]})[0] == 200


def test_a_version_of_any_length_is_read_or_refused(server) -> None:
    assert server.ask(f"{HALF}/versions/{'0' * 5000}7")[0] == 200
    for number in ("0" * 20 + "9" * 5000, str(2**63)):
        assert "Failed to convert version" in error(server, f"{HALF}/versions/{number}")


def test_a_message_that_quotes_bytes_is_the_client_s_error(server) -> None:
    body = {"signature_name": "classify", "inputs": [{"b64": "/w=="}]}
    assert "Could not parse example" in error(server, f"{HALF}:predict", body)
