"""Valid requests changed at random: no crash, no hang, and only statuses that TensorFlow Serving's documents have.

HYPOTHESIS_PROFILE=default draws new ones; MUTATIONS is how many are drawn of each kind.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import random

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.running import request

MANY = settings(
    max_examples=int(os.environ.get("MUTATIONS", "150")),
    deadline=20_000,  # milliseconds: nothing hangs
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
VALID = [
    {"instances": [1.0, 2.0]},
    {"signature_name": "two_inputs", "instances": [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}]},
    {"signature_name": "text", "inputs": ["a", {"b64": "AAH/"}]},
    {"signature_name": "total", "inputs": {"values": [[1, 2], [3, 4]]}},
    {"signature_name": "kinds", "inputs": {"flag": [True], "small": [3], "large": [4], "double": [0.5]}},
    {"signature_name": "classify", "examples": [{"x": 0.5}], "context": {"x": [1.0]}},
]  # fmt: skip
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        [{"b64": "!"}, {"b64": 3}, [[]], [], {}, [[[[1]]]], [1, [2]], 2**64, "x" * 999]
    ),
)
STATUSES = {200, 400, 404, 413, 415, 429, 501}
CODES = {
    "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "INTERNAL", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED",
}  # fmt: skip


def places(value, path=()):
    """The paths of all parts of a JSON value."""
    yield path
    if isinstance(value, (list, dict)):
        for key in range(len(value)) if isinstance(value, list) else list(value):
            yield from places(value[key], (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def alive(server) -> None:
    assert server.ask("/v1/models/half:predict", {"inputs": [2]}) == (200, {"outputs": [3.0]})
    assert server.predict(x=np.float32([2])).outputs["y"].float_val[0] == 3.0


@MANY
@given(st.data())
def test_parts_of_json_replaced_by_others(server, data) -> None:
    document = data.draw(st.sampled_from(VALID))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(list(places(document))))
        document = replaced(document, path, data.draw(ODD))
    method = data.draw(st.sampled_from(["predict", "classify", "regress"]))
    status, text = server.http("POST", f"/v1/models/half:{method}", json.dumps(document).encode())
    assert status in STATUSES, text
    assert status == 200 or json.loads(text)["error"]


@MANY
@given(st.data())
def test_bytes_of_http_changed(server, data) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    body = bytearray(json.dumps(rng.choice(VALID)).encode())
    headers = {}
    if rng.random() < 0.3:
        body, headers = bytearray(gzip.compress(body)), {"Content-Encoding": "gzip"}
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body))
        body[at : at + rng.choice([0, 1, 1, 9])] = rng.randbytes(rng.choice([0, 1, 3]))
    path = rng.choice(["half", "ha%ffl", "half/versions/07", "..%2f", "half/labels/x", "h" * 5000])
    status, text = server.http("POST", f"/v1/models/{path}:predict", bytes(body), headers)
    assert status in STATUSES, text
    assert status == 200 or json.loads(text)["error"]


@MANY
@given(st.data())
def test_messages_of_grpc_changed(server, data) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    asked = request("half", "two_inputs", a=np.float32([1]), b=np.int64([[1, 2]]))
    tensor = asked.inputs["a"]
    kind = rng.randrange(6)
    if kind == 0:
        tensor.dtype = rng.randrange(30)
    elif kind == 1:
        tensor.tensor_shape.dim[0].size = rng.choice([-1, 0, 2, 2**31, 2**62, -(2**63)])
    elif kind == 2:
        tensor.tensor_shape.dim.extend([tensor.tensor_shape.dim[0]] * rng.choice([1, 40, 300]))
    elif kind == 3:
        tensor.tensor_content = rng.randbytes(rng.randrange(9))
    elif kind == 4:
        asked.inputs[rng.choice(["", "c", "a\x00", "é"])].CopyFrom(tensor)
    raw = bytearray(asked.SerializeToString())
    if kind == 5:
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(raw))
            raw[at : at + rng.choice([0, 1, 9])] = rng.randbytes(rng.choice([0, 1, 2]))
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    try:
        call(bytes(raw), timeout=10)
    except grpc.RpcError as error:
        assert error.code().name in CODES, error.details()


@pytest.mark.parametrize("kind", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_bomb_in_grpcs_own_compression_is_refused(server, kind) -> None:
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\0" * (64 << 20), compression=kind, timeout=20)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_client_that_leaves_in_the_middle_harms_nobody(server) -> None:
    for cut in (10, 100, 140):
        connection = http.client.HTTPConnection("127.0.0.1", server.ports["rest"], timeout=5)
        connection.connect()
        head = b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
        connection.sock.sendall((head + b'{"inputs": [' + b"1," * 100)[:cut])
        connection.close()


def test_after_all_that_it_answers_as_before(server) -> None:
    alive(server)
