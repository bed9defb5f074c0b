"""The page at `/`: its files, what is served, and what each model says of itself, for people who try a model.

The page asks models over REST as any client does. What it needs besides is below `/page/`. A request names a model or
one of the files that were read at the start; no path in it reaches the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from perceiver_keras.server import rows, warm_up
from perceiver_keras.server.loaded import DEFAULT_SIGNATURE, End
from perceiver_keras.server.models import AVAILABLE, Models, Version
from perceiver_keras.server.settings import Limits
from perceiver_keras.server.status import ServingError, from_exception
from perceiver_keras.server.tensors import dtype_name

WEB = Path(__file__).with_name("web")
INDEX = "index.html"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
ATTENTION = "attention"  # the signature that an export may have besides
CARD_FILE = "assets.extra/MODEL_CARD.md"
MOST_CARD_BYTES = 1 << 20
STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}


class Page:
    """The page of one server."""

    def __init__(self, models: Models, limits: Limits) -> None:
        self._models, self._limits = models, limits
        self._files = {
            path.name: (path.read_bytes(), TYPES[path.suffix])
            for path in WEB.iterdir()
            if path.suffix in TYPES
        }

    def routes(self) -> list[Route]:
        """For a Starlette application."""
        return [
            Route("/", self._index),
            Route("/page/models", self._list),
            # A name may have slashes, which arrive as they are.
            Route("/page/models/{name:path}/examples", self._examples),
            Route("/page/models/{name:path}/card", self._card),
            Route("/page/models/{name:path}", self._about),
            Route("/page/{file}", self._file),
        ]

    async def _index(self, request: Request) -> Response:
        return self._sent(INDEX)

    async def _file(self, request: Request) -> Response:
        name = request.path_params["file"]
        return self._sent(name) if name in self._files else _told("Not Found", 404)

    def _sent(self, name: str) -> Response:
        content, kind = self._files[name]
        return Response(content, media_type=kind)

    async def _list(self, request: Request) -> Response:
        """Each model's name, the version that answers or null, and the state and error of all its versions."""
        found = [{"name": name, **self._state(name)} for name in self._models.names]
        return _json({"models": found, "max_request_bytes": self._limits.max_request_bytes})

    def _state(self, name: str) -> dict[str, Any]:
        try:
            versions = self._models.status(name, None, None)
        except ServingError:  # its folder has none yet
            versions = []
        told = [
            {
                "version": version.number,
                "state": STATES[version.state],
                "error": version.error.message if version.error else None,
            }
            for version in versions
        ]
        up = [version.number for version in versions if version.state == AVAILABLE]
        return {"version": max(up, default=None), "versions": told}

    async def _about(self, request: Request) -> Response:
        """What a model takes and returns, and what its export says of it."""

        async def found(version: Version) -> Response:
            signature = version.loaded.signatures.get(DEFAULT_SIGNATURE)
            ends = {"inputs": {}, "outputs": {}}
            if signature:
                ends = {key: _ends(getattr(signature, key)) for key in ends}
            about = {"name": request.path_params["name"], "version": version.number, **ends}
            attention = version.loaded.signatures.get(ATTENTION)
            about["attention"] = sorted(attention.outputs) if attention else []
            return _json(about | version.loaded.about | {"model": version.loaded.settings})

        return await self._of(request, found)

    async def _examples(self, request: Request) -> Response:
        """{"examples": [{input: value}, …]}: rows of the warm-up requests of the default signature."""

        async def found(version: Version) -> Response:
            loaded, limit = version.loaded, self._limits.max_request_bytes

            def read() -> Response:  # and write: both take long, and others wait for the event loop
                arrays = warm_up.largest_request(loaded, loaded.folder, limit)
                return _json({"examples": rows.by_row(arrays) if arrays else []})

            return await asyncio.to_thread(read)

        return await self._of(request, found)

    async def _card(self, request: Request) -> Response:
        async def found(version: Version) -> Response:
            text = await asyncio.to_thread(_card_text, version.loaded.folder)
            return Response(text, media_type="text/plain")

        return await self._of(request, found)

    async def _of(self, request: Request, answer: Any) -> Response:
        try:
            with self._models.using(request.path_params["name"], None, None) as version:
                return await answer(version)
        except Exception as error:
            told = from_exception(error)
            return _told(told.message, told.http_status)


def _ends(ends: Mapping[str, End]) -> dict[str, Any]:
    return {
        name: {"dtype": dtype_name(end.dtype), "shape": None if end.shape is None else [*end.shape]}
        for name, end in ends.items()
    }


def _card_text(folder: str) -> str:
    """The model card of a version; "" if it has none."""
    path = f"{folder}/{CARD_FILE}"
    if not tf.io.gfile.exists(path):
        return ""
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read(MOST_CARD_BYTES).decode("utf-8", "replace")


def _json(value: Any, status: int = 200) -> Response:
    return Response(rows.encode(value), status, media_type="application/json")


def _told(message: str, status: int) -> Response:
    return _json({"error": message}, status)
