"""HTTP connections on which a whole call, and not only each wait in it, takes a bounded time."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

PIECE = 1 << 14  # bytes sent between looks at the clock: a record of TLS, which has its own wait


class Http(http.client.HTTPConnection):
    """Raises `TimeoutError` once its seconds are over, wherever the call then is."""

    def __init__(
        self, host: str, port: int | None = None, timeout: float = 60.0, *rest: Any, **options: Any
    ) -> None:
        super().__init__(host, port, timeout, *rest, **options)
        self._end = time.monotonic() + timeout

    def left(self) -> float:
        """The seconds that are left; raises `TimeoutError` instead of 0."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def connect(self) -> None:
        """Tries the host's addresses in turn; one that does not answer leaves time for the others."""
        places = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for index, (family, kind, protocol, _, place) in enumerate(places):
            self.sock = socket.socket(family, kind, protocol)
            try:
                self.sock.settimeout(self.left() / (len(places) - index))
                self.sock.connect(place)
                break
            except OSError:
                self.sock.close()
                if index == len(places) - 1:
                    raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(self.left())  # for the handshake of HTTPS

    def send(self, data: bytes) -> None:
        if self.sock is None:
            self.connect()
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            self.sock.settimeout(self.left())
            super().send(view[start : start + PIECE])

    def response_class(self, sock: Any, *arguments: Any, **options: Any) -> Any:
        """The base's, on a socket that looks at the clock."""
        return http.client.HTTPResponse(_Received(sock, self), *arguments, **options)


class Https(http.client.HTTPSConnection, Http):
    """The same, encrypted: it connects as `Http` does."""


class _Received(io.RawIOBase):
    """What a socket receives; each wait is as long as the time that is left."""

    def __init__(self, sock: Any, connection: Http) -> None:
        self._sock, self._connection = sock, connection
        self._raw = sock.makefile("rb", buffering=0)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._connection.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
