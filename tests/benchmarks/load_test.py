"""Clients in this process, of a server that counts: no request is lost, none is made up, and errors are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc

from perceiver_keras.benchmarks.load import Load, run


def load(protocol: str, port: int, body: Path, **more) -> dict:
    given = {"target": "/Test/Call", "clients": 3, "seconds": 20.0, "most": 5} | more
    return dict(protocol=protocol, port=port, body=str(body), **given)


def over_grpc(body: Path, refused: bool = False, **more) -> tuple[dict, list[bytes]]:
    seen: list[bytes] = []

    async def main():
        async def call(data, context):
            seen.append(data)
            if refused:
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
            return b"answer"

        server = grpc.aio.server()
        method = {"Call": grpc.unary_unary_rpc_method_handler(call)}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Test", method)])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            return await run(Load(**load("grpc", port, body, **more)))
        finally:
            await server.stop(0)

    return asyncio.run(main()), seen


def over_rest(body: Path, status: str = "200 OK", **more) -> tuple[dict, list[bytes]]:
    seen: list[bytes] = []

    async def main():
        async def serve(reader, writer):
            while head := await reader.readline():
                lines = [head]
                while lines[-1] != b"\r\n":
                    lines.append(await reader.readline())
                (size,) = (int(one[15:]) for one in lines if one.startswith(b"Content-Length:"))
                seen.append(await reader.readexactly(size))
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nanswer".encode())

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await run(Load(**load("rest", port, body, **more)))

    return asyncio.run(main()), seen


def test_each_client_asks_as_often_as_it_may_and_each_answer_counts_once(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"the request")
    for told, seen in (over_grpc(body), over_rest(body)):
        assert seen == [b"the request"] * 15
        assert told["answered"] == len(told["latencies"]) == 15 and told["errors"] == {}
        assert 0 < max(told["latencies"]) < 20 and told["seconds"] > 0


def test_the_time_ends_it_and_the_warm_part_is_not_counted(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"{}")
    told, seen = over_rest(body, seconds=0.4, most=10**9)
    assert 0 < len(told["latencies"]) < told["answered"] == len(seen)
    assert 0.4 <= told["whole"] < 5 and 0.25 < told["seconds"] <= 0.31


def test_what_is_refused_is_told_and_not_counted(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"{}")
    told, _ = over_grpc(body, refused=True, clients=2, most=2)
    assert told["answered"] == 0 and told["latencies"] == [] and sum(told["errors"].values()) == 4
    told, _ = over_rest(body, status="429 Too Many", clients=2, most=2)
    assert told["latencies"] == [] and sum(told["errors"].values()) == 4
    assert "429" in next(iter(told["errors"]))
