"""Where a server is, and which of its models is meant: `localhost:8500`, or an URL as REST has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

from perceiver_keras.errors import UsageError

EXPECTED = "expected HOST:PORT (gRPC), or http://HOST:PORT[/v1/models/NAME] (REST)"
_PATH = re.compile(
    r"(?P<prefix>.*?)(?:/v1/models(?:/(?P<model>[^/:]+)"
    r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?(?::predict)?)?)?/*",
    re.A,
)


@dataclass(frozen=True)
class Address:
    """A server's place, and the model that the place itself names, if it does.

    Attributes:
      place: HOST:PORT.
      scheme: "grpc", "http" or "https".
      prefix: What a proxy has before /v1 in its paths; "" for gRPC.
    """

    place: str
    scheme: str
    prefix: str = ""
    model: str | None = None
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        return self.place if self.scheme == "grpc" else f"{self.scheme}://{self.place}{self.prefix}"

    def path(self, model: str, version: int | None, label: str | None) -> str:
        """REST's path of a model."""
        path = f"{self.prefix}/v1/models/{quote(model, safe='')}"
        if version is not None:
            return f"{path}/versions/{version}"
        return path if label is None else f"{path}/labels/{quote(label, safe='')}"


def parse(text: str) -> Address:
    """Raises `UsageError` for what is no such address."""
    scheme, found = ("", text) if "://" not in text else text.split("://", 1)
    scheme = scheme.lower() or "grpc"
    if scheme not in ("grpc", "http", "https"):
        raise UsageError(f"{text}: {EXPECTED}.")
    try:
        parts = urlsplit(f"{scheme}://{found}")
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text}: {EXPECTED}.") from error
    if parts.username is not None or parts.query or parts.fragment or not parts.hostname:
        raise UsageError(f"{text}: {EXPECTED}.")
    if scheme == "grpc":
        if port is None or parts.path.strip("/"):
            raise UsageError(f"{text}: {EXPECTED}.")
        return Address(_place(parts, port), scheme)
    path = _PATH.fullmatch(parts.path)
    version = path["version"]
    return Address(
        place=_place(parts, port or (443 if scheme == "https" else 80)),
        scheme=scheme,
        prefix=path["prefix"],
        model=path["model"] and unquote(path["model"]),
        version=None if version is None else int(version),
        label=path["label"] and unquote(path["label"]),
    )


def _place(parts: SplitResult, port: int) -> str:
    host = parts.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
