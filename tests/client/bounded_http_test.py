"""A call over HTTP ends in time, however slowly its parts come or go."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from perceiver_keras.client.bounded_http import Http, Https


@contextlib.contextmanager
def listening(answer) -> Iterator[int]:
    """A server that answers each connection with `answer(socket)`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = server.accept()[0]
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def dripping(start: bytes, drop: bytes):
    """Five seconds of drops."""

    def answer(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(start)
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(drop)

    return answer


def never_reading(connection: socket.socket) -> None:
    time.sleep(6)


def ask(connection: Http, body: bytes | None = None) -> bytes:
    with contextlib.closing(connection):
        connection.request("POST", "/", body)
        return connection.getresponse().read()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" "), None),
        (dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), None),
        (dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" "), None),
        (dripping(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"), None),
        (dripping(b"", b"H"), None),
        (never_reading, bytes(1 << 25)),
    ],
    ids=["body", "chunks", "until it closes", "headers", "status", "unread"],
)
def test_a_call_ends_in_time(answer, body) -> None:
    with listening(answer) as port:
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            ask(Http(f"127.0.0.1:{port}", timeout=0.4), body)
        assert 0.3 < time.monotonic() - start < 4


def test_an_answer_after_which_the_server_closes_is_whole() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(1 << 20))

    with listening(answer) as port:
        assert ask(Http(f"127.0.0.1:{port}", timeout=20)) == bytes(1 << 20)


def test_an_address_that_answers_nothing_leaves_time_for_the_next(monkeypatch) -> None:
    with listening(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", b"a")) as port:
        silent = socket.create_server(("127.0.0.1", 0), backlog=0)
        place = silent.getsockname()
        full = [socket.socket() for _ in range(4)]  # its queue: it takes no further connection
        for one in full:
            one.setblocking(False)
            one.connect_ex(place)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        places = [(*kind, place), (*kind, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
        start = time.monotonic()
        assert ask(Http("two.example:80", timeout=6)) == b"a"
        assert time.monotonic() - start < 5.9
        for one in (silent, *full):
            one.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_https_is_bounded_too(tmp_path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "1"]
    made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

    def encrypted(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            dripping(whole, b"a")(wrapped)

    trusting = ssl.create_default_context(cafile=str(certificate))
    with listening(encrypted) as port:
        assert ask(Https(f"localhost:{port}", timeout=20, context=trusting)) == b"aa"
        whole = whole.replace(b"2\r", b"200\r")
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            ask(Https(f"localhost:{port}", timeout=0.5, context=trusting))
        assert time.monotonic() - start < 4
