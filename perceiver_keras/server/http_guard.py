"""uvicorn's HTTP protocol with what it lacks: limits on the size and the time of headers, and what all answers say."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from perceiver_keras.server.settings import Limits

# Of every answer, whoever makes it: a browser may show any of them. Scripts, styles and answers come from here alone;
# pictures and sounds may also be made in the page.
HEADERS = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob: data:; media-src blob: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-cache"),
]
REFUSAL = (
    b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    + "".join(f"{name}: {value}\r\n" for name, value in HEADERS).encode()
    + b"Connection: close\r\n\r\n%s"
)


def guarded(limits: Limits) -> type[HttpToolsProtocol]:
    """The protocol class, with these limits."""

    class Guarded(HttpToolsProtocol):
        """A connection that sends its headers or trailers too slowly, or too many of them, is closed."""

        _alarm: asyncio.TimerHandle | None = None
        _header_bytes = 0  # since the last message, or the last piece of this one's body
        _in_body = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_for_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            end = -1 if self._in_body else data.find(b"\r\n\r\n")
            if self._header_bytes + end > limits.max_header_bytes:
                self._refuse_headers()  # whole, and too large
                return
            self._header_bytes += len(data)
            if self._alarm is None and not self._in_body:
                self._wait_for_headers()
            self._unset_keepalive_if_required()
            self._parse(data)
            if self._header_bytes > limits.max_header_bytes:
                self._refuse_headers()

        def _parse(self, data: bytes) -> None:
            """Feeds the parser, which stops where a client offers another protocol, and leaves the body out.

            We speak no other, so the offer is ignored (RFC 9110, 7.8): the headers are read again without it.
            """
            parts = [memoryview(data)]
            while parts:
                part = parts.pop()
                try:
                    self.parser.feed_data(part)
                except httptools.HttpParserError:
                    self._refuse(b"400 Bad Request", b'{"error": "Invalid HTTP request received."}')
                    return
                except httptools.HttpParserUpgrade as stopped:
                    if self.parser.get_method() == b"CONNECT":
                        self._refuse(b"501 Not Implemented", b'{"error": "this is no proxy"}')
                        return
                    parts += [part[stopped.args[0] :], memoryview(self._head_without_upgrade())]
                    self.parser = httptools.HttpRequestParser(self)
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

        def _head_without_upgrade(self) -> bytes:
            method, version = self.parser.get_method(), self.parser.get_http_version().encode()
            lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
            lines += [b"%s: %s" % pair for pair in self.headers if pair[0] != b"upgrade"]
            return b"\r\n".join([*lines, b"", b""])

        def on_header(self, name: bytes, value: bytes) -> None:
            # A trailer says nothing that we need, and comes too late for a header.
            if not self._in_body:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            if self.parser.should_upgrade():
                return
            self._in_body, self._header_bytes = True, 0
            self._stop_waiting()
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._header_bytes = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            if self.parser.should_upgrade():
                return
            self._in_body, self._header_bytes = False, 0
            super().on_message_complete()

        def on_response_complete(self) -> None:
            # Answered before the body's end: what still comes would keep the connection open, a byte at a time.
            unread = self._in_body and not self.pipeline
            super().on_response_complete()
            if unread:
                self.transport.close()

        def _wait_for_headers(self) -> None:
            self._alarm = self.loop.call_later(limits.header_timeout_seconds, self._too_slow)

        def _stop_waiting(self) -> None:
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None

        def _too_slow(self) -> None:
            if not self._header_bytes:  # no request has begun: there is nothing to answer
                self.transport.close()
                return
            self._refuse(b"408 Request Timeout", b'{"error": "the headers did not arrive in time"}')

        def _refuse_headers(self) -> None:
            body = b'{"error": "the headers are too large"}'
            self._refuse(b"431 Request Header Fields Too Large", body)

        def _refuse(self, status: bytes, body: bytes) -> None:
            self._stop_waiting()
            if self.transport is None or self.transport.is_closing():
                return
            # What is written while an earlier request waits for its answer would be taken for that.
            waiting = self.cycle is not None and not self.cycle.response_complete
            if not (self.pipeline if self._in_body else waiting):
                self.transport.write(REFUSAL % (status, len(body), body))
            self.transport.close()

    return Guarded
