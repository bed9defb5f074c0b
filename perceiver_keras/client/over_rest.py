"""One model of a server, asked over REST, in column format; strings go as base64."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from perceiver_keras.client.address import Address
from perceiver_keras.client.bounded_http import Http, Https
from perceiver_keras.client.ends import DTYPES, End, Signature
from perceiver_keras.client.failures import UNFITTING, Failure
from perceiver_keras.errors import UsageError

METRICS = "/monitoring/prometheus/metrics"
_NAME = re.compile(r'[{,]model_name="((?:[^"\\\n]|\\.)*)"')  # a label of the metrics
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    412: "FAILED_PRECONDITION",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# What reading JSON of another form leads to.
_ODD = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
# JSON's values, as Python has them, for each kind of NumPy's types.
_KINDS = {"O": {str, dict}, "b": {bool}, "i": {int}, "u": {int}, "f": {int, float}}
CHUNK = 1 << 20  # bytes read at a time: a reply may claim any length


class OverRest:
    """Calls take the seconds that they may last, and raise `Failure`."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._kind = {"http": Http, "https": Https}[address.scheme]

    def metadata(
        self, model: str, version: int | None, label: str | None, seconds: float
    ) -> tuple[int, dict[str, Signature], dict[str, Any]]:
        """(version, signatures, the export's own description or {})."""
        path = f"{self._address.path(model, version, label)}/metadata"
        reply = self._json("GET", path, None, seconds)
        try:
            told = reply["metadata"]
            found = told["signature_def"]["signature_def"]
            signatures = {
                name: Signature(_ends(one["inputs"]), _ends(one["outputs"]))
                for name, one in sorted(found.items())
                if not name.startswith("__")  # TensorFlow's own, to initialize
            }
            number = int(reply["model_spec"]["version"])
            about = dict(told.get("perceiver_task", {}))
        except _ODD as error:
            raise _no_model_server(path) from error
        return number, signatures, about

    def status(
        self, model: str, version: int | None, label: str | None, seconds: float
    ) -> list[dict[str, Any]]:
        """[{"version", "state", "error"}], of each version that the server knows."""
        path = self._address.path(model, version, label)
        reply = self._json("GET", path, None, seconds)
        try:
            return [
                {
                    "version": int(one["version"]),
                    "state": str(one["state"]),
                    "error": str(one["status"]["error_message"]),
                }
                for one in reply["model_version_status"]
            ]
        except _ODD as error:
            raise _no_model_server(path) from error

    def models(self, seconds: float) -> list[str] | None:
        """The names of the models that can be asked, as far as the metrics have them; None if these tell none."""
        end = time.monotonic() + seconds
        try:
            text = self._ask("GET", self._address.prefix + METRICS, None, seconds)
        except Failure as failure:
            if not failure.reached:
                raise
            return None
        # Metrics also have the names of models that were served once.
        names = {_unescaped(name) for name in _NAME.findall(text.decode("utf-8", "replace"))} - {""}
        return [name for name in sorted(names) if self._can_be_asked(name, end)] or None

    def _can_be_asked(self, model: str, end: float) -> bool:
        try:
            versions = self.status(model, None, None, max(0.001, end - time.monotonic()))
        except Failure as failure:
            if not failure.reached:
                raise
            return False
        return any(one["state"] == "AVAILABLE" for one in versions)

    def predict(
        self,
        model: str,
        version: int | None,
        label: str | None,
        signature: str,
        outputs: Mapping[str, End],
        arrays: Mapping[str, np.ndarray],
        seconds: float,
    ) -> dict[str, np.ndarray]:
        """The outputs of one signature, of the types and ranks that `outputs` has."""
        for name, array in arrays.items():
            if not array.size and array.ndim > 1:
                raise UsageError(
                    f"{signature}'s input {name!r}: JSON has no way to say the shape {list(array.shape)}; use gRPC."
                )
        body = {"signature_name": signature, "inputs": {n: _plain(a) for n, a in arrays.items()}}
        path = f"{self._address.path(model, version, label)}:predict"
        reply = self._json("POST", path, json.dumps(body).encode(), seconds)
        try:
            found = reply["outputs"]
            if len(outputs) == 1:  # then it stands without its name
                found = {next(iter(outputs)): found}
            return {name: _array(found[name], end, name) for name, end in outputs.items()}
        except _ODD as error:
            raise Failure(
                UNFITTING, f"its reply to {path} does not have {signature}'s outputs"
            ) from error

    def close(self) -> None:
        """Nothing stays open between requests."""

    def _json(self, method: str, path: str, body: bytes | None, seconds: float) -> Any:
        content = self._ask(method, path, body, seconds)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _no_model_server(path) from error

    def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> bytes:
        """The body of one reply."""
        connection = self._kind(self._address.place, timeout=seconds)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            chunks = []
            while chunk := response.read(CHUNK):
                chunks.append(chunk)
            content = b"".join(chunks)
            if response.length:  # is still to come: reading in parts does not tell
                raise http.client.IncompleteRead(content, response.length)
        except TimeoutError as error:
            raise Failure(
                "DEADLINE_EXCEEDED", f"no answer in {seconds:.3g} s", reached=False
            ) from error
        except http.client.BadStatusLine as error:
            if isinstance(error, http.client.RemoteDisconnected):
                raise Failure("UNAVAILABLE", "it closed the connection", reached=False) from error
            raise Failure(
                "UNIMPLEMENTED", "something that speaks no HTTP/1; for gRPC leave out the http://"
            ) from error
        except http.client.IncompleteRead as error:
            told = "it closed the connection in the middle of its reply"
            raise Failure("UNAVAILABLE", told, reached=False) from error
        except (OSError, http.client.HTTPException) as error:
            raise Failure("UNAVAILABLE", _why(error), reached=False) from error
        finally:
            connection.close()
        if response.status == 200:
            return content
        code = CODES.get(response.status, "INTERNAL")
        raise Failure(code, _message(content) or f"HTTP {response.status} {response.reason}")


def _unescaped(label: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPED.get(found[0], found[0]), label)


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the host's name is not known"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _message(content: bytes) -> str:
    """Of an error's body, {"error": message}."""
    try:
        return str(json.loads(content)["error"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""


def _no_model_server(path: str) -> Failure:
    return Failure("UNIMPLEMENTED", f"its reply to {path} is not a model server's")


def _ends(infos: Mapping[str, Any]) -> dict[str, End]:
    found = {}
    for name, info in sorted(infos.items()):
        shape = info.get("tensor_shape", {})
        sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
        sides = tuple(None if size < 0 else size for size in sizes)
        dtype = DTYPES.get(info["dtype"], np.dtype(np.void))
        found[name] = End(dtype, None if shape.get("unknown_rank") else sides)
    return found


def _plain(array: np.ndarray) -> Any:
    if not array.dtype.hasobject:
        return array.tolist()
    flat = np.empty(array.size, object)
    flat[:] = [{"b64": base64.b64encode(item).decode()} for item in array.ravel()]
    return flat.reshape(array.shape).tolist()


def _array(value: Any, end: End, name: str) -> np.ndarray:
    """Nested lists of a reply as an array; where a list is empty, the signature says how many axes follow.

    Raises `Failure` for ragged lists, and for values that the output's type does not have.
    """
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    leaves = [value]
    for size in shape:
        if not all(isinstance(one, list) and len(one) == size for one in leaves):
            raise _unfitting(name, end, leaves)
        leaves = [item for one in leaves for item in one]
    if shape and shape[-1] == 0 and end.shape is not None:
        shape += [side or 0 for side in end.shape[len(shape) :]]
    return _flat(leaves, end, name).reshape(shape)


def _flat(leaves: list[Any], end: End, name: str) -> np.ndarray:
    kind = end.dtype.kind
    if odd := set(map(type, leaves)) - _KINDS.get(kind, set()):
        raise _unfitting(name, end, next(leaf for leaf in leaves if type(leaf) in odd))
    if kind == "O":
        array = np.empty(len(leaves), object)
        array[:] = [_bytes(leaf) for leaf in leaves]
        return array
    if kind == "f":
        return _floats(leaves, end, name)
    if kind in "iu":
        bounds = np.iinfo(end.dtype)
        for leaf in (min(leaves, default=0), max(leaves, default=0)):
            if not bounds.min <= leaf <= bounds.max:
                raise _unfitting(name, end, leaf)
    return np.array(leaves, end.dtype)


def _floats(leaves: list[Any], end: End, name: str) -> np.ndarray:
    """NaN and Infinity stay, and no other number may become one."""
    try:
        wide = np.array(leaves, np.float64)
    except OverflowError:
        huge = next(leaf for leaf in leaves if type(leaf) is int and abs(leaf) > sys.float_info.max)
        raise _unfitting(name, end, huge) from None
    with np.errstate(over="ignore"):
        array = wide.astype(end.dtype)
    beyond = np.isinf(array) & ~np.isinf(wide)
    if beyond.any():
        raise _unfitting(name, end, leaves[beyond.argmax()])
    return array


def _unfitting(name: str, end: End, value: Any) -> Failure:
    shown = {list: "a ragged list", dict: "an object"}.get(type(value)) or json.dumps(value)
    return Failure(UNFITTING, f"its output {name!r} should be {end}, and has {shown:.60}")


def _bytes(leaf: Any) -> bytes:
    if isinstance(leaf, dict):
        return base64.b64decode(leaf["b64"], validate=True)
    return leaf.encode("utf-8", "surrogatepass")
