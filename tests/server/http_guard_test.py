"""Slow and endless headers, on a real connection."""

from __future__ import annotations

import contextlib
import json
import socket
import time

import pytest

from perceiver_keras.server.http_guard import HEADERS
from perceiver_keras.server.settings import Limits, ModelSource
from tests.server.running import running


def answer_of(connection: socket.socket) -> bytes:
    """Headers and body of one answer."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += connection.recv(1 << 16)
    head, _, body = found.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(1 << 16)
    return head + body


@pytest.fixture
def connection(server):
    with socket.create_connection(("127.0.0.1", server.ports["rest"]), timeout=10) as made:
        yield made


def rest_of(connection: socket.socket) -> bytes:
    found = b""
    while part := connection.recv(1 << 16):
        found += part
    return found


def test_headers_that_never_end_are_408_after_their_time(connection) -> None:
    connection.sendall(b"GET /v1/models/half HTTP/1.1\r\nHost: x\r\n")
    start = time.monotonic()
    assert rest_of(connection).startswith(b"HTTP/1.1 408 ")
    assert 0.2 < time.monotonic() - start < 8


def test_a_connection_that_says_nothing_is_closed(connection) -> None:
    assert rest_of(connection) == b""


def test_headers_without_end_are_431(connection) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * (17 << 10))
    answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert all(headers_of(answer)[name] == [value] for name, value in HEADERS)


def test_what_is_no_http_is_400(connection) -> None:
    connection.sendall(b"\x16\x03\x01\x00 no http\r\n\r\n")
    answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert all(headers_of(answer)[name] == [value] for name, value in HEADERS)


def headers_of(answer: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in answer.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        found.setdefault(name.lower(), []).append(value)
    return found


@pytest.mark.parametrize(
    "request_line, status",
    [
        (b"GET /", 200),
        (b"GET /page/none", 404),
        (b"POST /", 404),
        (b"BREW /", 400),  # no method of HTTP
        (b"TRACE /", 405),
        (b"PROPFIND /page/main.js", 405),
        (b"GET /v1/models/half", 200),
        (b"GET /v1/models/none", 404),
        (b"PUT /v1/models/half", 400),
        (b"TRACE /v1/models/half", 405),
        (b"CONNECT x:80", 501),
        (b"GET *", 404),
        (b"OPTIONS *", 404),
        (b"GET /v1/models/%0a", 404),
        (b"GET /page/models/a%0ab", 404),
        (b"GET /../../etc/passwd", 404),
        (b"GET /x" + b"a" * (17 << 10), 431),
    ],
)
def test_every_answer_tells_a_browser_to_take_it_as_it_is(connection, request_line, status) -> None:
    connection.sendall(request_line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    found = headers_of(answer)
    for name, value in HEADERS:
        assert found[name] == [value]
    assert len(found["content-type"]) == 1
    if status != 200:
        assert found["content-type"] == ["application/json"]
        assert list(json.loads(answer.split(b"\r\n\r\n")[1])) == ["error"]
    if status == 405:
        assert "allow" in found


def test_a_connection_too_many_is_told_so_with_the_same_headers(base) -> None:
    source = ModelSource(name="half", base_path=str(base))
    with running([source], limits=Limits(max_connections=2)) as served:
        address = ("127.0.0.1", served.ports["rest"])
        with contextlib.ExitStack() as held:
            made = [held.enter_context(socket.create_connection(address, 10)) for _ in range(3)]
            made[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = answer_of(made[-1])
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert headers_of(answer)["x-content-type-options"] == ["nosniff"]


@pytest.mark.parametrize("path", [b"/v1/x", b"/nowhere", b"/v1/models/half/metadata"])
def test_who_is_answered_before_the_end_of_a_body_does_not_keep_the_connection(
    connection, path
) -> None:
    connection.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    assert answer_of(connection).startswith(b"HTTP/1.1 4")
    with contextlib.suppress(ConnectionError):  # closed while something was still sent
        for _ in range(20):
            connection.sendall(b"x")
            time.sleep(0.02)
        assert connection.recv(1) == b""


def test_one_connection_carries_many_requests(connection) -> None:
    for _ in range(3):
        connection.sendall(b"GET /v1/models/half HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 200 OK")
        time.sleep(0.2)


def test_a_slow_body_has_the_time_of_a_request_not_of_headers(connection) -> None:
    head = b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n"
    connection.sendall(head)
    time.sleep(0.7)
    connection.sendall(b'{"inputs": [2]}')
    assert b'{"outputs":[3.0]}' in answer_of(connection)


# === Offers of another protocol ===

PREDICT = b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\n"
STATUS = b"GET /v1/models/half HTTP/1.1\r\nHost: x\r\n"
CLOSE = b"Connection: close\r\n\r\n"
BODY = b'{"inputs": [2]}'
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
FOO = b"upgrade: foo\r\nCONNECTION: upgrade\r\n"
LENGTH = b"Content-Length: 15\r\n\r\n"


def statuses(answers: bytes) -> list[bytes]:
    return [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("offer", [H2C, FOO])
@pytest.mark.parametrize(
    ("end", "sent"),
    [
        (LENGTH, BODY),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"f\r\n" + BODY + b"\r\n0\r\nUpgrade: foo\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_an_upgrade_that_is_not_there_is_ignored(connection, offer, end, sent, cut) -> None:
    message = PREDICT + offer + end + sent
    both = message + message + STATUS + offer + b"\r\n" + STATUS + CLOSE  # pipelined
    for start in range(0, len(both), cut):
        connection.sendall(both[start : start + cut])
        if cut == 7:
            time.sleep(0.001)
    answers = rest_of(connection)
    assert statuses(answers) == [b"200"] * 4, answers
    assert answers.count(b'{"outputs":[3.0]}') == 2


@pytest.mark.parametrize(
    "offer", [H2C, FOO, b"Connection: close\r\nConnection: Upgrade\r\nUpgrade: foo\r\n"]
)
@pytest.mark.parametrize("wait", [0, 0.1])
def test_a_body_after_an_offer_is_not_a_request(connection, offer, wait) -> None:
    inner = STATUS + b"\r\n"
    connection.sendall(PREDICT + offer + b"Content-Length: %d\r\n\r\n" % len(inner))
    time.sleep(wait)
    connection.sendall(inner)
    if b"close" not in offer:
        connection.sendall(STATUS + CLOSE)
    answers = rest_of(connection)
    assert statuses(answers) == ([b"400"] if b"close" in offer else [b"400", b"200"])
    assert b"JSON Parse error" in answers


def test_connect_is_refused_and_what_follows_is_not_read(connection) -> None:
    connection.sendall(b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + STATUS + CLOSE)
    answers = rest_of(connection)
    assert statuses(answers) == [b"501"] and b'{"error": ' in answers


def test_many_offers_in_one_segment(connection) -> None:
    count = 300
    connection.sendall(
        (STATUS + b"Upgrade: a\r\nConnection: upgrade\r\n\r\n") * count + STATUS + CLOSE
    )
    assert statuses(rest_of(connection)) == [b"200"] * (count + 1)


def test_no_refusal_is_taken_for_the_answer_to_an_earlier_request(connection) -> None:
    slow = b'{"signature_name": "slow", "inputs": [100000]}'
    connection.sendall(PREDICT + b"Content-Length: %d\r\n\r\n" % len(slow) + slow)
    time.sleep(0.02)
    connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * (17 << 10))
    assert statuses(rest_of(connection)) in ([], [b"200"])


# === Trailers ===

CHUNKED = PREDICT + b"Transfer-Encoding: chunked\r\n\r\nf\r\n" + BODY + b"\r\n0\r\n"


def test_a_trailer_is_no_header(connection) -> None:
    for _ in range(2):
        connection.sendall(CHUNKED + b"Content-Encoding: gzip\r\nX: y\r\n\r\n")
        assert answer_of(connection).endswith(b'{"outputs":[3.0]}')
    connection.sendall(CHUNKED)
    time.sleep(0.05)
    connection.sendall(b"Content-Encoding: gzip\r\n\r\n")
    assert answer_of(connection).endswith(b'{"outputs":[3.0]}')


@pytest.mark.parametrize("trailer", [b"a:b\r\n", b"a"])
def test_trailers_have_the_limit_of_headers(connection, trailer) -> None:
    connection.sendall(CHUNKED)
    sent, most = 0, 4 << 20
    with contextlib.suppress(ConnectionError):
        while sent < most:
            sent += connection.send(trailer * 1000)
            time.sleep(0.001)
    assert sent < most
    with contextlib.suppress(ConnectionError):
        assert rest_of(connection).startswith(b"HTTP/1.1 431 ")


def test_a_body_of_many_chunks_is_no_header(connection) -> None:
    chunks = [b"1;of=many\r\n%c\r\n" % byte for byte in BODY] + [b"1\r\n \r\n"] * 20_000
    connection.sendall(PREDICT + b"Transfer-Encoding: chunked\r\n\r\n")
    for chunk in chunks[:20]:
        connection.sendall(chunk)
        time.sleep(0.002)
    connection.sendall(b"".join(chunks[20:]) + b"0\r\n\r\n")
    assert answer_of(connection).endswith(b'{"outputs":[3.0]}')
