"""REST: arrays through JSON and back, and servers that are none, slow, or away for a moment."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from perceiver_keras.client import over_rest
from perceiver_keras.client.client import Client
from perceiver_keras.client.ends import End
from perceiver_keras.client.failures import Unreachable
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.server.settings import ModelSource
from tests.server.running import running


@given(arrays.arrays(np.float32, arrays.array_shapes(min_side=1, max_dims=3)))
def test_numbers_come_back_bit_by_bit(array: np.ndarray) -> None:
    end = End(array.dtype, (None,) * array.ndim)
    back = over_rest._array(json.loads(json.dumps(over_rest._plain(array))), end, "y")
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype


@given(st.lists(st.binary(max_size=9), min_size=1))
def test_bytes_come_back(items: list[bytes]) -> None:
    array = np.array([*items, None], object)[:-1]
    back = over_rest._array(over_rest._plain(array), End(array.dtype, (None,)), "y")
    assert back.tolist() == items


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(object)], ids=str)
@pytest.mark.parametrize(
    ("value", "shape", "wanted"),
    [([], (None, 3), (0, 3)), ([[], []], (None, None, 10), (2, 0, 10)), ([], None, (0,))],
)
def test_empty_lists_have_the_signatures_axes(value, shape, wanted, dtype) -> None:
    assert over_rest._array(value, End(dtype, shape), "y").shape == wanted


STATUS = {"model_version_status": [{"version": "3", "state": "AVAILABLE"}]}
STATUS["model_version_status"][0]["status"] = {"error_code": "OK", "error_message": ""}


@contextlib.contextmanager
def answering(*replies: tuple[int, bytes], wait: float = 0.0) -> Iterator[str]:
    """A server of HTTP that gives these replies in turn, and the last one for ever; its address."""
    left, ended = list(replies), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            # Closing with a request unread would reset the connection, and cut a long reply.
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            ended.wait(wait)
            if not status:
                return  # the connection is closed without a word
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_that_is_away_for_a_moment_is_waited_for() -> None:
    good = json.dumps(STATUS).encode()
    with answering((503, b'{"error": "loading"}'), (0, b""), (200, good)) as address:
        status = Client(address, "m").status()
    assert status == [{"version": 3, "state": "AVAILABLE", "error": ""}]


CUT = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
    "no body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
}


@pytest.mark.parametrize("cut", CUT.values(), ids=CUT)
def test_a_reply_that_is_cut_is_asked_for_again_and_then_told(cut: bytes) -> None:
    good = json.dumps(STATUS).encode()
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(good), good)
    replies = [cut, cut, whole, cut]

    def serve() -> None:
        for reply in replies:
            connection = listener.accept()[0]
            with connection:
                connection.recv(1 << 16)
                connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert Client(address, "m").status()[0]["version"] == 3
        with pytest.raises(Unreachable, match="closed the connection in the middle of its reply"):
            Client(address, "m", patience=0).status()
        thread.join()


@pytest.mark.parametrize(
    "body", [b"<html>Hello</html>", b"[]", b'{"a": 1}', b"\xff", b"[" * 100_000]
)
def test_another_web_server_is_told(body: bytes) -> None:
    with answering((200, body)) as address:
        client = Client(address, "m")
        for call in (client.status, client.metadata):
            with pytest.raises(Unreachable, match="is not a model server of this protocol"):
                call()


def test_a_slow_server_is_left_in_time() -> None:
    with answering((200, b"{}"), wait=30.0) as address:
        start = time.monotonic()
        with pytest.raises(Unreachable, match="did not answer within the client's 0.3 s"):
            Client(address, "m", timeout=0.3).status()
        assert time.monotonic() - start < 10


def test_rest_needs_numpy_alone() -> None:
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'grpc', 'keras', 'tensorflow_serving'): sys.modules[name] = None\n"
        "from perceiver_keras.client.client import Client\n"
        "Client('http://127.0.0.1:1')\n"
        "try: Client('127.0.0.1:1')\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pip install 'perceiver-keras[serve]'" in done.stdout, done.stderr


def test_models_are_those_that_can_be_asked_under_their_right_names(base, tmp_path) -> None:
    """Metrics keep the names of models that are gone, and escape them; names are those of the model server."""
    odd, broken = 'a"b\\c, model_name="x\\"', tmp_path / "broken"
    (broken / "1").mkdir(parents=True)
    (broken / "1" / "saved_model.pb").write_bytes(b"no graph")
    sources = [ModelSource(name=name, base_path=str(base)) for name in ("half", "gone", odd)]
    with running([*sources, ModelSource(name="broken", base_path=str(broken))]) as server:
        server.wait(server.server.models.reload([s for s in sources if s.name != "gone"]))
        address = server.addresses[1]
        assert Client(address).models() == [odd, "half"]
        assert 'model_name="gone"' in server.http("GET", over_rest.METRICS)[1].decode()
        server.wait(server.server.models.reload(sources[:1]))
        assert Client(address).model == "half"


def test_a_model_whose_versions_are_broken_is_told_with_them(tmp_path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no graph")
    with running([ModelSource(name="broken", base_path=str(tmp_path))]) as server:
        for address in server.addresses:
            with pytest.raises(UsageError, match="Versions of broken: 1 is END"):
                Client(address, "broken").predict(x=[1.0])


def metadata(kind: str) -> bytes:
    def ends(name: str, kind: str) -> dict:
        return {name: {"dtype": kind, "tensor_shape": {"dim": [{"size": "-1"}]}}}

    one = {"inputs": ends("x", "DT_FLOAT"), "outputs": ends("y", kind)}
    found = {"signature_def": {"signature_def": {"serving_default": one}}}
    return json.dumps({"model_spec": {"version": "1"}, "metadata": found}).encode()


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        ("DT_STRING", b"[1]", "should be string [any], and has 1"),
        ("DT_STRING", b"[null]", "has null"),
        ("DT_STRING", b'[["a", "b"], ["c"]]', "has a ragged list"),
        ("DT_STRING", b'["a", ["c"]]', "has a ragged list"),
        ("DT_STRING", b'[{"b64": "a*Bc"}]', "does not have serving_default's outputs"),
        ("DT_STRING", b'[{"b64": 5}]', "does not have serving_default's outputs"),
        ("DT_INT32", b"[1e999]", "should be int32 [any], and has Infinity"),
        ("DT_INT32", b"[1, 1.7]", "has 1.7"),
        ("DT_INT32", b"[true]", "has true"),
        ("DT_INT64", b"[1, 99999999999999999999999]", "has 99999999999999999999999"),
        ("DT_UINT8", b"[300]", "should be uint8 [any], and has 300"),
        ("DT_UINT8", b"[1, -1]", "has -1"),
        ("DT_FLOAT", b"[null]", "has null"),
        ("DT_FLOAT", b'["1.5"]', 'has "1.5"'),
        ("DT_FLOAT", b"[[1, 2], [3]]", "has a ragged list"),
        ("DT_FLOAT", b"[1, 1e39]", "has 1e+39"),
        ("DT_FLOAT", b"[NaN, 1" + b"0" * 400 + b"]", "has 1000000"),
        ("DT_BOOL", b"[1]", "should be bool [any], and has 1"),
        ("DT_VARIANT", b"[1]", "has 1"),
        ("DT_FLOAT", b"[" * 100_000 + b"]" * 100_000, "is not a model server's"),
    ],
)
def test_values_that_the_type_does_not_have_are_told(kind: str, values: bytes, shown: str) -> None:
    with answering(*asked(kind, values)) as address, pytest.raises(Unreachable) as caught:
        Client(address, "m").predict(x=[1.0])
    assert shown in str(caught.value) and len(str(caught.value)) < 300


def asked(kind: str, values: bytes) -> list[tuple[int, bytes]]:
    """Replies to a call that asks for the signatures, then the model, and then whether the signatures have changed."""
    return [(200, metadata(kind)), (200, b'{"outputs": %s}' % values), (200, metadata(kind))]


def test_numbers_that_are_not_finite_arrive() -> None:
    largest = float(np.finfo(np.float32).max)
    values = b"[NaN, Infinity, -Infinity, 3.4028235e38, 7]"
    with answering(*asked("DT_FLOAT", values)) as address:
        found = Client(address, "m").predict(x=[1.0])["y"]
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf, largest, 7])


def test_another_version_with_outputs_of_another_type_is_learned() -> None:
    answer = b'{"outputs": [1.5]}'
    replies = [metadata("DT_INT32"), answer, metadata("DT_FLOAT"), answer]
    with answering(*((200, reply) for reply in replies)) as address:
        assert Client(address, "m").predict(x=[1.0])["y"].tolist() == [1.5]


def test_an_errors_body_may_be_anything() -> None:
    for body in (b"[" * 200_000, b"[1]", b"abc"):
        with answering((500, body)) as address, pytest.raises(PerceiverError, match="HTTP 500"):
            Client(address, "m").status()
