"""Bodies: unpacked as gzip itself does, and never further than allowed."""

from __future__ import annotations

import asyncio
import gzip
import random
import threading
import time
import zlib

import pytest

from perceiver_keras.server import aside as aside_module
from perceiver_keras.server.http_bodies import (
    MEMBERS,
    PIECE,
    STEP,
    STRINGS,
    VALUES,
    check_values,
    read_body,
    unpacked,
)
from perceiver_keras.server.settings import Limits
from perceiver_keras.server.status import ServingError

LIMITS = Limits(max_request_bytes=1 << 20, request_timeout_seconds=0.1)
FOREVER = float("inf")


def read(*chunks: bytes, wait: float = 0, **headers: str) -> bytes:
    async def send():
        for chunk in chunks:
            await asyncio.sleep(wait)
            yield chunk

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(read_body(send(), named, LIMITS))


def status(*chunks: bytes, **given) -> int:
    with pytest.raises(ServingError) as caught:
        read(*chunks, **given)
    return caught.value.http_status


def test_chunks_are_one_body_and_packed_ones_are_unpacked() -> None:
    noise = random.Random(0).randbytes(STEP + 5)
    assert read(b"a", b"", b"b") == b"ab" and read() == b""
    assert read(gzip.compress(noise), content_encoding="GZIP") == noise
    assert read(zlib.compress(b"a"), content_encoding="deflate") == b"a"
    assert read(gzip.compress(b"a") + gzip.compress(b"b"), content_encoding="gzip") == b"ab"


def test_each_limit_has_its_status() -> None:
    mb = b"\0" * (1 << 20)
    assert read(mb) == mb
    assert status(mb, b"1") == 413
    assert status(*[mb] * 20) == 413
    assert status(b"a", b"b", b"c", wait=0.06) == 408
    assert status(b"a", content_encoding="br") == 415
    for damaged in (b"no", gzip.compress(b"abc")[:-9], gzip.compress(mb)[:500]):
        assert status(damaged, content_encoding="gzip") == 400


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * (64 << 20)) * 1)
    assert status(gzip.compress(b"\0" * (64 << 20)), content_encoding="gzip") == 413
    assert unpacked(bomb, LIMITS, FOREVER)[:2] == b"\x1f\x8b"  # once, not twice


def test_members_of_any_size_and_place_are_one_body() -> None:
    made = random.Random(0)
    texts = [made.randbytes(made.choice([0, 1, 100, PIECE, 3 * PIECE])) for _ in range(40)]
    texts += [b"\0" * STEP, b"\0" * (2 * STEP + 1), b"end"]  # packed in a few bytes
    packed = b"".join(map(gzip.compress, texts))
    assert unpacked(packed, Limits(), FOREVER) == gzip.decompress(packed) == b"".join(texts)


def test_members_without_content_take_no_time() -> None:
    empty = gzip.compress(b"")
    start = time.process_time()
    assert unpacked(empty * MEMBERS, LIMITS, FOREVER) == b""
    with pytest.raises(ServingError, match="more than 10000 members") as caught:
        unpacked(empty * 500_000, LIMITS, FOREVER)
    assert caught.value.http_status == 400
    assert time.process_time() - start < 5


def test_unpacking_ends_with_the_time_of_the_request() -> None:
    body = gzip.compress(random.Random(0).randbytes(4 * PIECE))
    with pytest.raises(ServingError) as caught:
        unpacked(body, LIMITS, time.monotonic() - 1)
    assert caught.value.http_status == 504
    held = threading.Event()
    for _ in range(2):  # both threads have something else to do
        aside_module._THREADS.submit(held.wait, 30)
    assert status(body, content_encoding="gzip") == 504
    held.set()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"[" + b"0," * VALUES + b"0]", "values"),
        (b"[" + b"[],[]," * VALUES + b"0]", "values"),
        (b"[" + b'"",' * STRINGS + b'""]', "strings"),
        (b"[" + b"{}," * STRINGS + b"{}]", "objects"),
        (b'[{"b64":"YQ=="}' + b',{"b64":"YQ=="}' * STRINGS + b"]", "strings and objects"),
    ],
)
def test_values_are_counted_before_they_are_parsed(body: bytes, what: str) -> None:
    with pytest.raises(ServingError, match=what) as caught:
        check_values(body, LIMITS)
    assert caught.value.http_status == 413
    check_values(body, Limits(max_request_bytes=1 << 30))


def test_what_is_in_a_string_is_hardly_counted() -> None:
    pixels = b'{"instances": [' + b"0.123," * (VALUES - 2) + b"0]}"
    text = b'{"instances": ["' + rb"\"" * STRINGS * 4 + b'"]}'
    for body in (pixels, text):
        check_values(body, LIMITS)
