"""A served model as a Python object: the calls of `Servable`, answered by a server over gRPC or REST."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from perceiver_keras.client import address as addresses
from perceiver_keras.client.ends import Signature, arrays_of, named
from perceiver_keras.client.failures import UNFITTING, Failure, Unreachable, with_retries
from perceiver_keras.client.over_grpc import OverGrpc
from perceiver_keras.client.over_rest import OverRest
from perceiver_keras.errors import PerceiverError, UsageError, first_line, nearest

T = TypeVar("T")


class Client:
    """One model of a server: TensorFlow Serving, or `perceiver serve`.

    A request that finds the server away or its queue full is repeated, with growing waits, for `patience` seconds;
    asking a model changes nothing, so that is safe. Threads may share a client.

    Attributes:
      address: The server's.
    """

    def __init__(
        self,
        address: str,
        model: str | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 60.0,
        patience: float = 5.0,
    ) -> None:
        """Nothing is sent before the first question.

        Args:
          address: HOST:PORT for gRPC, or http://HOST:PORT[/v1/models/NAME[/versions/V|/labels/L]] for REST.
          model: The model's name; None: the one in the URL, or the only one that the server has.
          version: Of the model; None: the newest that the server has.
          label: Instead of the version, a name that the server's configuration gives to one.
          timeout: Seconds that a call may take, all tries together.
          patience: Seconds for which a call tries to reach a server that is away.

        Raises:
          UsageError: no such address, or it names another model or version than the arguments.
          PerceiverError: gRPC is asked for, and its packages are missing.
        """
        for name, value in (("timeout", timeout), ("patience", patience)):
            if not value >= 0 or (name == "timeout" and not value):
                raise UsageError(f"{name}: expected a number of seconds, got {value}.")
        self.address = addresses.parse(address)
        self._model = _one("model", self.address.model, model)
        self._version = _one("version", self.address.version, version)
        self._label = _one("label", self.address.label, label)
        if self._version is not None and self._label is not None:
            raise UsageError(
                f"version {self._version} and label {self._label!r} name two versions; give one of them."
            )
        self._timeout, self._patience = timeout, patience
        over = OverGrpc if self.address.scheme == "grpc" else OverRest
        self._transport = over(self.address)
        self._known: tuple[int, dict[str, Signature], dict[str, Any]] | None = None
        self._closed = False

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; the client can't be asked after it."""
        self._closed = True
        self._transport.close()

    @property
    def model(self) -> str:
        """The model's name.

        Raises:
          UsageError: it was not given, and the server has several models or does not tell which.
        """
        return self._chosen(self._end())

    def _chosen(self, end: float) -> str:
        if self._model is None:
            names = self._tried(self._transport.models, end)
            if names is None:
                raise UsageError(
                    f"{self.address} does not say which models it has; name the model (in Python model=, on the "
                    "command line --model-name)."
                )
            if len(names) != 1:
                raise UsageError(
                    f"{self.address} has {len(names)} models; name one (in Python model=, on the command line "
                    f"--model-name).{nearest('', names)}"
                )
            self._model = names[0]
        return self._model

    def models(self) -> list[str] | None:
        """The names of the server's models; None if it does not tell, as TensorFlow Serving over gRPC.

        Over REST these are the ones of its metrics that can be asked: models that nobody has asked yet may be missing.
        """
        return self._tried(self._transport.models, self._end())

    def status(self) -> list[dict[str, Any]]:
        """What the server knows of the model's versions: [{"version", "state", "error"}].

        `state` is START, LOADING, AVAILABLE, UNLOADING or END; `error` says why a version did not load, or is "".

        Raises:
          UsageError: the server has no such model or version.
          Unreachable: there is no server.
        """
        end = self._end()
        which = self._chosen(end), self._version, self._label
        return self._tried(lambda seconds: self._transport.status(*which, seconds), end)

    def metadata(self) -> dict[str, Any]:
        """What is served now: {"model", "version", "signatures", "task"}.

        `signatures` is {name: Signature}; `task` is {"task", "preset", "labels"} where the server tells it, which
        TensorFlow Serving does not, else {}.

        Raises:
          UsageError: the server has no such model or version.
          Unreachable: there is no server.
        """
        version, signatures, task = self._look(self._end())
        return {"model": self.model, "version": version, "signatures": signatures, "task": task}

    @property
    def signatures(self) -> dict[str, Signature]:
        """{name: Signature}, as they were when the client first looked."""
        return (self._known or self._look(self._end()))[1]

    @property
    def task(self) -> dict[str, Any]:
        """The export's own description, as in `metadata`, when the client first looked."""
        return (self._known or self._look(self._end()))[2]

    def signature(self, name: str) -> Signature:
        """The signature of that name; raises `UsageError` that offers the nearest if there is none."""
        return self._signature(name, self._end())

    def predict(
        self, signature: str = "serving_default", /, **inputs: Any
    ) -> dict[str, np.ndarray]:
        """Asks one signature.

        Args:
          signature: Its name.
          **inputs: Its inputs by name, as arrays, nested lists, or tensors [B, ...].

        Returns:
          Its outputs by name, as NumPy arrays [B, ...]; strings are object arrays of bytes. Over REST, texts that are
          not UTF-8 have replacement characters where gRPC has the bytes, unless their output ends in `_bytes`.

        Raises:
          UsageError: an unknown model, signature or input, a missing input, a wrong dtype or shape, or a closed client.
          Unreachable: there is no server, or it took longer than the client's timeout.
          PerceiverError: the model rejected the values, or the server refused them.
        """
        end = self._end()
        try:
            return self._ask(signature, inputs, end)
        except (Rejected, Unfitting):
            known = self._known
            self._look(end)
            if self._known[1] == known[1]:
                raise
            return self._ask(
                signature, inputs, end
            )  # another version has come, with other signatures

    def _end(self) -> float:
        """When a call that begins now is over, however often it asks the server."""
        return time.monotonic() + self._timeout

    def _signature(self, name: str, end: float) -> Signature:
        signatures = (self._known or self._look(end))[1]
        return named(name, signatures, f"The model {self._model}")

    def _ask(self, name: str, inputs: Mapping[str, Any], end: float) -> dict[str, np.ndarray]:
        signature = self._signature(name, end)
        arrays = arrays_of(name, signature.inputs, inputs)
        which = self._model, self._version, self._label, name, signature.outputs, arrays
        return self._tried(lambda seconds: self._transport.predict(*which, seconds), end, name)

    def _look(self, end: float) -> tuple[int, dict[str, Signature], dict[str, Any]]:
        which = self._chosen(end), self._version, self._label
        self._known = self._tried(lambda seconds: self._transport.metadata(*which, seconds), end)
        return self._known

    def _tried(self, call: Callable[[float], T], end: float, signature: str | None = None) -> T:
        try:
            if not self._closed:
                return with_retries(call, end - time.monotonic(), self._patience)
        except Failure as failure:
            if not self._closed:  # else another thread did it meanwhile
                raise self._in_words(failure, end, signature) from failure
        raise UsageError(f"The client of {self.address} is closed; make another one.")

    def _in_words(self, failure: Failure, end: float, signature: str | None) -> PerceiverError:
        told = first_line(Exception(failure.message)).rstrip(".")
        if failure.code in ("UNIMPLEMENTED", UNFITTING):
            kind = Unfitting if failure.code == UNFITTING else Unreachable
            return kind(f"{self.address} is not a model server of this protocol: {told}.")
        if failure.code == "DEADLINE_EXCEEDED" and failure.reached:
            return PerceiverError(f"{self.address} took longer than its own limit: {told}.")
        if failure.code == "DEADLINE_EXCEEDED":
            return Unreachable(
                f"{self.address} did not answer within the client's {self._timeout:g} s."
            )
        if not failure.reached:
            return Unreachable(
                f"No model server answers at {self.address}: {told}. Check the address, or start one with "
                "`perceiver serve`."
            )
        if failure.code == "NOT_FOUND":
            return UsageError(self._missing(failure, told, end))
        if failure.code == "INVALID_ARGUMENT" and signature:
            return Rejected(f"{signature} can't answer this input: {told}")
        kind = UsageError if failure.code == "INVALID_ARGUMENT" else PerceiverError
        return kind(f"{self.address} refused: {told} ({failure.code}).")

    def _missing(self, failure: Failure, told: str, end: float) -> str:
        """Which model or version is not there, and what is there instead."""
        try:
            versions = self._transport.status(self._model or "", None, None, _left(end))
        except Failure:
            pass
        else:
            there = ", ".join(f"{one['version']} is {one['state']}" for one in versions)
            return f"{self.address}: {told}. Versions of {self._model}: {there or 'none'}."
        try:
            names = failure.models or self._transport.models(_left(end))
        except Failure:
            names = None
        if names and self._model not in names:
            return (
                f"{self.address} has no model {self._model!r}.{nearest(self._model or '', names)}"
            )
        return f"{self.address}: {told}. It does not say which models it has."


class Rejected(PerceiverError):
    """The model can't answer these values, such as bytes that are not an image."""


class Unfitting(Unreachable):
    """A reply that the signature does not declare: not a model server's, or another version's than the client knows."""


def _left(end: float) -> float:
    return max(0.001, end - time.monotonic())


def _one(what: str, in_address: T | None, argument: T | None) -> T | None:
    if in_address is not None and argument is not None and in_address != argument:
        raise UsageError(
            f"The address names the {what} {in_address!r}, and the argument {argument!r}; give one of them."
        )
    return in_address if argument is None else argument
