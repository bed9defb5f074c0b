"""Errors as both protocols tell them: TensorFlow's canonical codes, and the HTTP status of each."""

from __future__ import annotations

import enum


class Code(enum.IntEnum):
    """The canonical codes that TensorFlow, gRPC and TensorFlow Serving share, under the same numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


# As TensorFlow Serving's REST server maps them.
HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
MAX_MESSAGE = 1024  # characters; TensorFlow Serving cuts there too


class ServingError(Exception):
    """What a client is told instead of an answer."""

    def __init__(self, code: Code, message: str, http_status: int | None = None) -> None:
        """`http_status` replaces the code's own where HTTP has a more exact one, such as 413."""
        if len(message) > MAX_MESSAGE:
            message = message[:MAX_MESSAGE] + "...TRUNCATED"
        super().__init__(message)
        self.code, self.message = code, message
        self.http_status = http_status or HTTP_STATUS[code]


def invalid(message: str) -> ServingError:
    """INVALID_ARGUMENT, HTTP 400."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def late() -> ServingError:
    """DEADLINE_EXCEEDED, HTTP 504."""
    return ServingError(Code.DEADLINE_EXCEEDED, "The request was not answered in time")


def from_exception(error: BaseException) -> ServingError:
    """What TensorFlow raised keeps its code; anything else is INTERNAL, without a trace."""
    if isinstance(error, ServingError):
        return error
    number = getattr(error, "error_code", None)
    if isinstance(number, int) and number in Code._value2member_map_ and number:
        return ServingError(Code(number), telling(str(getattr(error, "message", error))))
    return ServingError(Code.INTERNAL, f"{type(error).__name__}: {telling(str(error))}")


def telling(message: str) -> str:
    """A message of TensorFlow without the notes on where in the graph it arose."""
    kept = []
    for line in message.splitlines():
        line = line.strip()
        if line.startswith(("[[{{", "[Op:", "Errors may have originated", "Original stack trace")):
            continue
        if line.endswith("root error(s) found.") or line in ("", "Graph execution error:"):
            continue
        kept.append(line.removeprefix("(0) ").split("}} ")[-1])
    return kept[0] if kept else "no message"
