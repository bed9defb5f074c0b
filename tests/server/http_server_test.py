"""HTTP with uvicorn: connections are answered at once, and a stop waits for who was accepted."""

from __future__ import annotations

import asyncio
import socket

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from perceiver_keras.server.http_server import HttpServer
from perceiver_keras.server.rest_api import application
from perceiver_keras.server.settings import Limits


async def get(port: int) -> tuple[bytes, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return await reader.read(1 << 16), writer


def test_an_accepted_request_is_answered_after_the_stop_and_a_new_one_is_refused() -> None:
    async def main():
        entered, leave = asyncio.Event(), asyncio.Event()

        async def page(request):
            entered.set()
            await leave.wait()
            return PlainTextResponse("done")

        server = HttpServer(application([Route("/", page)]), Limits())
        port = await server.start("127.0.0.1", 0)
        asked = asyncio.create_task(get(port))
        await entered.wait()
        stop = asyncio.create_task(server.stop(5.0))
        while True:  # the port closes at once
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await asyncio.sleep(0.02)
            except ConnectionError:
                break
        assert not stop.done()
        leave.set()
        answer, writer = await asked
        assert answer.startswith(b"HTTP/1.1 200 OK")
        writer.close()
        await asyncio.wait_for(stop, 5)

    asyncio.run(main())


def test_answers_are_not_held_back_for_larger_packets() -> None:
    """Nagle's algorithm and delayed acknowledgements together cost 40 ms per answer."""
    found = []

    async def page(request):
        return PlainTextResponse("x")

    async def main():
        server = HttpServer(application([Route("/", page)]), Limits())
        port = await server.start("127.0.0.1", 0)
        answer, writer = await get(port)
        for protocol in server._server.server_state.connections:
            raw = protocol.transport.get_extra_info("socket")
            found.append(raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        await server.stop(1.0)

    asyncio.run(main())
    assert found and all(found)


def test_a_taken_port_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = HttpServer(application([]), Limits())
        with pytest.raises(OSError):
            asyncio.run(server.start("127.0.0.1", taken.getsockname()[1]))
