"""A local web server that breaks off, ignores ranges or lies about lengths, as a test asks it to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 4096  # 1 MB


class Server(ThreadingHTTPServer):
    """Serves `content` at every path; the other attributes set how it misbehaves."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None]] = []  # path, Range
        self.break_after: list[int] = []  # bytes of each of the next answers; later ones are whole
        self.content = CONTENT
        self.etag: str | None = '"one"'
        self.ranges = True
        self.extra_length = 0
        self.headers: dict[str, str] = {}
        self.status = 200
        self.missing: set[str] = set()

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Server]:
        server = cls()
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append((self.path, wanted))
        if self.path in server.missing or server.status != 200:
            return self.send_error(404 if self.path in server.missing else server.status)
        start = 0
        same = self.headers.get("If-Range") in (None, server.etag)
        if wanted and server.ranges and same:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        body = server.content[start:]
        if wanted and start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            size = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if server.etag:
            self.send_header("ETag", server.etag)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + server.extra_length))
        self.end_headers()
        if server.break_after:
            body = body[: server.break_after.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass
