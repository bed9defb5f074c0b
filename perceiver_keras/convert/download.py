"""Downloads official weights once: resumed after a break, checked, and kept in a cache.

`fetch` writes to NAME.part next to the target and renames it when all bytes are there, so a file under
its own name is always complete. An unfinished download is resumed with an HTTP Range request, guarded
by the server's ETag: if the file has changed in the meantime, the download starts over.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.files import write_json
from perceiver_keras.remote import is_remote

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in total (None if unknown)

DEEPMIND_URL = "https://storage.googleapis.com/perceiver_io"
HUGGINGFACE_URL = "https://huggingface.co"

# Preset -> file name in DeepMind's bucket, and preset -> repository on the hub
# (docs/architecture.md, Released settings).
DEEPMIND_FILES = {
    "language_mlm_bytes": "language_perceiver_io_bytes.pickle",
    "imagenet_learned_position_encoding": "imagenet_learned_position_encoding.pystate",
    "imagenet_fourier_position_encoding": "imagenet_fourier_position_encoding.pystate",
    "imagenet_conv_preprocessing": "imagenet_conv_preprocessing.pystate",
    "optical_flow": "optical_flow_checkpoint.pystate",
    "video_autoencoding": "video_autoencoding_checkpoint.pystate",
}
HUGGINGFACE_REPOSITORIES = {
    "language_mlm_bytes": "deepmind/language-perceiver",
    "imagenet_learned_position_encoding": "deepmind/vision-perceiver-learned",
    "imagenet_fourier_position_encoding": "deepmind/vision-perceiver-fourier",
    "imagenet_conv_preprocessing": "deepmind/vision-perceiver-conv",
    "optical_flow": "deepmind/optical-flow-perceiver",
    "video_autoencoding": "deepmind/multimodal-perceiver",
}

_CHUNK = 1 << 20
_TRIES = 5
_TIMEOUT_S = 30.0


def cache_folder() -> Path:
    """`$PERCEIVER_CACHE`, else `~/.cache/perceiver_keras`."""
    named = os.environ.get("PERCEIVER_CACHE")
    if named and is_remote(named):
        raise UsageError(
            f"PERCEIVER_CACHE={named}: downloads are kept in a folder of this machine."
        )
    return Path(named or Path.home() / ".cache" / "perceiver_keras")


def download(
    preset: str,
    source: str,
    *,
    progress: Progress | None = None,
    cache: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
) -> Path:
    """The official weights of a released preset, from the cache or else from the network.

    Args:
        preset: one of the six released presets, e.g. "optical_flow".
        source: "deepmind" or "huggingface".
        progress: called with the bytes so far and in total.
        cache: the folder to keep the files in; default `cache_folder()`.
        base_url: another server with the same paths.

    Returns:
        The pickle, or the folder with `model.safetensors` (or `pytorch_model.bin`) and `config.json`.

    Raises:
        UsageError: there is no such preset or source. PerceiverError: offline, or the server failed.
    """
    tables = {"deepmind": DEEPMIND_FILES, "huggingface": HUGGINGFACE_REPOSITORIES}
    if source not in tables:
        raise UsageError(
            f"weights={source!r} is not a source to download from.{nearest(source, tables)}"
        )
    if preset not in tables[source]:
        raise UsageError(
            f"Preset {preset!r} has no released weights.{nearest(preset, tables[source])}"
        )
    folder = Path(cache or cache_folder()) / source
    name = tables[source][preset]
    try:
        if source == "deepmind":
            return fetch(f"{base_url or DEEPMIND_URL}/{name}", folder / name, progress=progress)
        return _fetch_repository(
            base_url or HUGGINGFACE_URL, name, folder / name.split("/")[1], progress
        )
    except _Unreachable as error:
        raise PerceiverError(f"{error} {_how_to_get(source, name)}") from None


def cached(preset: str) -> str | None:
    """The source, "deepmind" or "huggingface", whose weights of a released preset are in the cache, or None."""
    if (cache_folder() / "deepmind" / DEEPMIND_FILES[preset]).is_file():
        return "deepmind"
    folder = cache_folder() / "huggingface" / HUGGINGFACE_REPOSITORIES[preset].split("/")[1]
    there = [(folder / name).is_file() for name in ("model.safetensors", "pytorch_model.bin")]
    return "huggingface" if any(there) and (folder / "config.json").is_file() else None


def _how_to_get(source: str, name: str) -> str:
    """What to do elsewhere, for a machine without a connection."""
    file = name.split("/")[-1]
    get = (
        f"curl -O {DEEPMIND_URL}/{name}"
        if source == "deepmind"
        else f"huggingface-cli download {name} --local-dir {file}"
    )
    return (
        f"Where there is a connection: {get}; then, here, weights='{file}' in Python, or --weights {file} or "
        f"--init {file} on the command line."
    )


def _fetch_repository(
    base_url: str, repository: str, folder: Path, progress: Progress | None
) -> Path:
    url = f"{base_url}/{repository}/resolve/main"
    fetch(f"{url}/config.json", folder / "config.json")
    names = ("model.safetensors", "pytorch_model.bin")
    if not any((folder / name).is_file() for name in names):
        try:
            fetch(f"{url}/{names[0]}", folder / names[0], progress=progress)
        except _NotThere:  # not every repository has been converted
            fetch(f"{url}/{names[1]}", folder / names[1], progress=progress)
    return folder


def printed(label: str, stream: TextIO | None = None) -> Progress:
    """Prints the progress: on a terminal one line that is redrawn, elsewhere one line per tenth of the file."""
    stream = stream or sys.stderr
    shown = -1

    def show(done: int, total: int | None) -> None:
        nonlocal shown
        step = 100 if stream.isatty() else 10
        share = done * step // total if total else done >> 26
        if share == shown:
            return
        shown = share
        of = (
            f"{100 * done // total:3d} % of {total / 1e6:,.0f} MB"
            if total
            else f"{done / 1e6:,.0f} MB"
        )
        end = "\r" if stream.isatty() and done != total else "\n"
        print(f"{label}: {of}", end=end, file=stream, flush=True)

    return show


def fetch(
    url: str,
    target: str | os.PathLike[str],
    *,
    sha256: str | None = None,
    progress: Progress | None = None,
    tries: int = _TRIES,
    wait_s: float = 1.0,
) -> Path:
    """Downloads `url` to `target`, which at any time is complete or absent; does nothing if it is there.

    A broken download is resumed where it stopped, in at most `tries` attempts with growing waits; what
    has arrived by then is kept for the next call. Raises `PerceiverError` with a readable message.
    """
    target = Path(target)
    if target.is_file():
        return target
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url} is not a web address.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _Part(target.with_name(target.name + ".part"))
        for attempt in range(tries):
            try:
                _transfer(url, part, progress)
                break
            except _Broken as error:
                if attempt == tries - 1:
                    raise PerceiverError(
                        f"Downloading {url} failed {tries} times, last after {part.size} bytes ({error}). "
                        f"Run again to continue from there, or put the file at {target} yourself."
                    ) from None
                time.sleep(wait_s * 2**attempt)
        _check(url, part, sha256)
        part.finish(target)
    except OSError as error:
        raise PerceiverError(f"{target} can't be written: {error.strerror or error}.") from None
    return target


class _Broken(Exception):
    """The connection failed; another attempt may continue."""


class _Unreachable(PerceiverError):
    """There is no connection to the server."""


class _NotThere(PerceiverError):
    """The server has no such file."""


@dataclass
class _Part:
    """The unfinished file, and a JSON file next to it with what the server said about it."""

    path: Path

    def __post_init__(self) -> None:
        self.about = self.path.with_name(self.path.name + ".json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def said(self, what: str) -> Any:
        """What the server said about the file when the download began: "etag", "md5" or "length"."""
        try:
            return json.loads(self.about.read_text()).get(what)
        except (OSError, ValueError, AttributeError):
            return None

    def begin(self, headers: Message) -> BinaryIO:
        hashes = re.search(r"md5=([A-Za-z0-9+/=]+)", ",".join(headers.get_all("x-goog-hash") or []))
        said = {"etag": headers.get("ETag"), "length": headers.get("Content-Length")}
        write_json(self.about, said | {"md5": hashes.group(1) if hashes else None})
        return open(self.path, "wb")

    def resume(self) -> BinaryIO:
        return open(self.path, "ab")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        os.replace(self.path, target)
        self.about.unlink(missing_ok=True)


def _transfer(url: str, part: _Part, progress: Progress | None) -> None:
    """One request, from where `part` ends to the end of the file."""
    etag = part.said("etag")
    start = part.size if etag else 0  # without an ETag a changed file would go unnoticed
    headers = {"User-Agent": "perceiver-keras", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": etag}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S
        ) as response:
            resumed = response.status == 206 and _starts_at(response, start)
            total = _length(response, start if resumed else 0)
            done = start if resumed else 0
            file = part.resume() if resumed else part.begin(response.headers)
            with file:
                while chunk := response.read(_CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    if progress is not None:
                        progress(done, total)
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the file has no bytes after those we have
            whole = part.said("length") in (None, str(start))
            if whole and error.headers.get("Content-Range") == f"bytes */{start}":
                return
            part.remove()
            raise _Broken("the file on the server changed") from None
        if error.code in (429, 500, 502, 503, 504):
            raise _Broken(f"the server said {error.code} {error.reason}") from None
        kind = _NotThere if error.code in (401, 403, 404) else PerceiverError
        raise kind(f"{url}: the server said {error.code} {error.reason}.") from None
    except urllib.error.URLError as error:
        raise _Unreachable(
            f"{url} can't be reached ({error.reason}). Offline? Get the file elsewhere and give its path as "
            "the weights, or put it into the cache ($PERCEIVER_CACHE)."
        ) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _Broken(str(error) or type(error).__name__) from None
    if total is not None and done != total:
        if done > total:
            part.remove()
        raise _Broken(f"{done} of {total} bytes arrived")


def _starts_at(response: http.client.HTTPResponse, start: int) -> bool:
    length = response.headers.get("Content-Length", "")
    if length.isdigit():
        total = start + int(length)
        if response.headers.get("Content-Range") == f"bytes {start}-{total - 1}/{total}":
            return True
    raise _Broken("the server sent a different part from the one requested")


def _length(response: http.client.HTTPResponse, start: int) -> int | None:
    length = response.headers.get("Content-Length")
    return start + int(length) if length is not None and length.isdigit() else None


def _check(url: str, part: _Part, sha256: str | None) -> None:
    """Compares the bytes with the given hash, or else with the one that Google's storage sent."""
    if sha256 is not None:
        expected, found = sha256, _digest(part.path, "sha256").hex()
    else:
        expected, found = part.said("md5"), None
        if expected is not None:
            found = base64.b64encode(_digest(part.path, "md5")).decode()
    if found != expected:
        part.remove()
        raise PerceiverError(
            f"{url} has the hash {found}, not {expected}: it is damaged or was replaced. Nothing was kept; "
            "run again."
        )


def _digest(path: Path, algorithm: str) -> bytes:
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()
