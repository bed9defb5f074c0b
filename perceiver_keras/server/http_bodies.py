"""Bodies of HTTP requests, read with limits on their size as sent, their size when unpacked, and their time."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Mapping

from perceiver_keras.server.aside import aside
from perceiver_keras.server.settings import Limits
from perceiver_keras.server.status import Code, ServingError, invalid, late

DRAINED = 8  # times max_request_bytes
# Of max_request_bytes, for each value in JSON and for each string or object, and how many may be there in any case:
# parsed they take many times their bytes, and while a parser runs nobody else's request is looked at.
VALUE, VALUES = 8, 1 << 20
STRING, STRINGS = 64, 1 << 17
STEP = 1 << 18  # bytes unpacked at a time
# Packed bytes at a time: zlib copies what it has not read, at every step and after every member. A body of no more is
# unpacked in the event loop.
PIECE = 1 << 14
MEMBERS = 10_000  # of one gzip body: each costs time, also an empty one


async def read_body(
    chunks: AsyncIterator[bytes], headers: Mapping[str, str], limits: Limits
) -> bytes:
    """The whole body, unpacked if it came with gzip or deflate.

    Raises:
      ServingError: HTTP 413 too large, 408 sent too slowly, 504 unpacked too slowly, 415 another encoding, 400 damaged.
    """
    until = time.monotonic() + limits.request_timeout_seconds
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise ServingError(
            Code.UNIMPLEMENTED, f"Content-Encoding {encoding[:40]!r}: send gzip or no encoding", 415
        )
    try:
        body = await asyncio.wait_for(_collected(chunks, limits), limits.request_timeout_seconds)
    except asyncio.TimeoutError:
        raise ServingError(
            Code.DEADLINE_EXCEEDED,
            f"the body did not arrive within {limits.request_timeout_seconds:g} seconds",
            408,
        ) from None
    if encoding == "identity":
        return body
    unpacking = aside(len(body) > PIECE, unpacked, body, limits, until)
    try:
        return await asyncio.wait_for(unpacking, until - time.monotonic())
    except asyncio.TimeoutError:
        raise late() from None


async def _collected(chunks: AsyncIterator[bytes], limits: Limits) -> bytes:
    """What is beyond the limit is read and thrown away for a while: a client that still sends sees no answer."""
    parts, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size <= limits.max_request_bytes:
            parts.append(chunk)
        elif size <= DRAINED * limits.max_request_bytes:
            parts.clear()
        else:
            break
    if size > limits.max_request_bytes:
        raise _too_large(limits)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpacked(body: bytes, limits: Limits, until: float) -> bytes:
    """A gzip or zlib stream, never unpacked further than max_request_bytes, nor after `until` of `time.monotonic`."""
    packed, at, parts, size, members = memoryview(body), 0, [], 0, 0
    try:
        while at < len(packed):  # gzip may have several members
            members += 1
            if members > MEMBERS:
                raise invalid(
                    f"the compressed body has more than {MEMBERS} members; send it as one"
                )
            stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, told by the header
            while not stream.eof:
                if time.monotonic() > until:
                    raise late()
                piece = packed[at : at + PIECE]
                part = stream.decompress(piece, STEP)
                at += len(piece) - len(stream.unused_data if stream.eof else stream.unconsumed_tail)
                size += len(part)
                if size > limits.max_request_bytes:
                    raise _too_large(limits)
                parts.append(part)
                if not part and not piece and not stream.eof:
                    raise zlib.error("the stream is cut")
    except zlib.error as error:
        raise invalid(f"the compressed body can't be unpacked: {error}") from None
    return b"".join(parts)


def check_values(body: bytes, limits: Limits) -> None:
    """Counts the values in a JSON body, at least about, without parsing it.

    Raises:
      ServingError: HTTP 413.
    """
    strings = max(body.count(b'"') - body.count(b'\\"'), 0) // 2
    found = (
        ("values", body.count(b",") + body.count(b"["), VALUE, VALUES),
        ("strings and objects", strings + body.count(b"{"), STRING, STRINGS),
    )
    for what, count, size, least in found:
        if count > (most := max(limits.max_request_bytes // size, least)):
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                f"the request has more than {most} {what}, which max_request_bytes allows; send fewer examples at "
                "once, or ask over gRPC",
                413,
            )


def _too_large(limits: Limits) -> ServingError:
    return ServingError(
        Code.RESOURCE_EXHAUSTED,
        f"the request is larger than max_request_bytes, {limits.max_request_bytes}",
        413,
    )
