"""uvicorn's HTTP protocol with what it lacks: limits on the size and the time of headers, and what all answers say."""

from __future__ import annotations

import asyncio
from typing import Any

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
        """A connection that sends its headers too slowly, or too many of them, is closed."""

        _alarm: asyncio.TimerHandle | None = None
        _header_bytes = 0
        _in_body = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_for_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if not self._in_body:
                end = data.find(b"\r\n\r\n")
                if self._header_bytes + end > limits.max_header_bytes:
                    self._refuse_headers()  # whole, and too large
                    return
                self._header_bytes += len(data)
                if self._alarm is None:
                    self._wait_for_headers()
            super().data_received(data)
            if not self._in_body and self._header_bytes > limits.max_header_bytes:
                self._refuse_headers()

        def on_headers_complete(self) -> None:
            self._in_body, self._header_bytes = True, 0
            self._stop_waiting()
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_body = False
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
            if self.transport is not None and not self.transport.is_closing():
                self.transport.write(REFUSAL % (status, len(body), body))
                self.transport.close()

    return Guarded
