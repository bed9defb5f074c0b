"""REST: arrays through JSON and back, and servers that are none, slow, or away for a moment."""

from __future__ import annotations

import contextlib
import http.server
import json
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


@given(arrays.arrays(np.float32, arrays.array_shapes(min_side=1, max_dims=3)))
def test_numbers_come_back_bit_by_bit(array: np.ndarray) -> None:
    end = End(array.dtype, (None,) * array.ndim)
    back = over_rest._array(json.loads(json.dumps(over_rest._plain(array))), end)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype


@given(st.lists(st.binary(max_size=9), min_size=1))
def test_bytes_come_back(items: list[bytes]) -> None:
    array = np.array([*items, None], object)[:-1]
    back = over_rest._array(over_rest._plain(array), End(array.dtype, (None,)))
    assert back.tolist() == items


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(object)], ids=str)
@pytest.mark.parametrize(
    ("value", "shape", "wanted"),
    [([], (None, 3), (0, 3)), ([[], []], (None, None, 10), (2, 0, 10)), ([], None, (0,))],
)
def test_empty_lists_have_the_signatures_axes(value, shape, wanted, dtype) -> None:
    assert over_rest._array(value, End(dtype, shape)).shape == wanted


STATUS = {"model_version_status": [{"version": "3", "state": "AVAILABLE"}]}
STATUS["model_version_status"][0]["status"] = {"error_code": "OK", "error_message": ""}


@contextlib.contextmanager
def answering(*replies: tuple[int, bytes], wait: float = 0.0) -> Iterator[str]:
    """A server of HTTP that gives these replies in turn, and the last one for ever; its address."""
    left = list(replies)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            time.sleep(wait)
            if not status:
                return  # the connection is closed without a word
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_that_is_away_for_a_moment_is_waited_for() -> None:
    good = json.dumps(STATUS).encode()
    with answering((503, b'{"error": "loading"}'), (0, b""), (200, good)) as address:
        status = Client(address, "m").status()
    assert status == [{"version": 3, "state": "AVAILABLE", "error": ""}]


@pytest.mark.parametrize("body", [b"<html>Hello</html>", b"[]", b'{"a": 1}', b"\xff"])
def test_another_web_server_is_told(body: bytes) -> None:
    with answering((200, body)) as address:
        client = Client(address, "m")
        for call in (client.status, client.metadata):
            with pytest.raises(Unreachable, match="is not a model server of this protocol"):
                call()


def test_a_slow_server_is_left_in_time() -> None:
    with answering((200, b"{}"), wait=1.0) as address:
        start = time.monotonic()
        with pytest.raises(Unreachable, match="did not answer within the client's 0.3 s"):
            Client(address, "m", timeout=0.3).status()
        assert time.monotonic() - start < 0.9


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
