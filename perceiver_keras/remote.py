"""Folders that TensorFlow reads by URL: object stores, and whatever file system is registered with it.

`as_path` gives a `pathlib.Path` for a local name and a `RemotePath`, with the same methods, for a URL. `Path(URL)`
would be a local folder called `gs:`.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from perceiver_keras.errors import PerceiverError, UsageError, first_line
from perceiver_keras.places import is_pattern

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_URL_IN_A_PATH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # which has lost a slash
_LOCAL = "file://"


def is_remote(place: str | os.PathLike[str]) -> bool:
    """Whether it is a URL, also one that was made a `Path` by mistake; `file://` is local."""
    text = os.fspath(place)
    kind = _URL_IN_A_PATH if isinstance(place, PurePath) else _URL
    return bool(kind.match(text)) and not text.startswith(_LOCAL)


def as_path(place: str | os.PathLike[str]) -> Any:
    """A `Path`, or a `RemotePath` for a URL."""
    if is_remote(place):
        return RemotePath(place)
    text = os.fspath(place)
    return Path(text.removeprefix(_LOCAL)) if isinstance(place, str) else Path(place)


class RemotePath(PurePosixPath):
    """What this package uses of `pathlib.Path`, through `tf.io.gfile`.

    Every method raises `tf.errors.OpError` if the file system fails, and FileNotFoundError if there is no such file.
    """

    def __str__(self) -> str:
        return re.sub(r"^([^/]+):/*", r"\1://", super().__str__(), count=1)

    def __fspath__(self) -> str:
        return str(self)

    @property
    def scheme(self) -> str:
        return str(self).partition("://")[0]

    def exists(self) -> bool:
        return _gfile().exists(str(self))

    def is_dir(self) -> bool:
        return _gfile().isdir(str(self))

    def is_file(self) -> bool:
        return self.exists() and not self.is_dir()

    def iterdir(self) -> Iterator[RemotePath]:
        return (self / name.rstrip("/") for name in sorted(_gfile().listdir(str(self))))

    def mkdir(self, parents: bool = True, exist_ok: bool = True) -> None:
        _gfile().makedirs(str(self))

    def open(self, mode: str = "r") -> Any:
        return _gfile().GFile(str(self), mode)

    def read_bytes(self) -> bytes:
        if not self.exists():
            raise FileNotFoundError(2, "No such file or directory", str(self))
        with self.open("rb") as file:
            return file.read()

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def replace(self, target: str | os.PathLike[str]) -> None:
        _gfile().rename(str(self), os.fspath(target), overwrite=True)
        _copied.cache_clear()

    def unlink(self, missing_ok: bool = False) -> None:
        if not missing_ok or self.exists():
            _gfile().remove(str(self))

    def expanduser(self) -> RemotePath:
        return self

    # What TFDS asks of a path besides; see `for_tfds`.

    def write_text(self, text: str, encoding: str = "utf-8") -> None:
        with self.open("wb") as file:
            file.write(text.encode(encoding))

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        return (type(self)(path) for path in sorted(_gfile().glob(str(self / pattern))))

    def rename(self, target: str | os.PathLike[str]) -> RemotePath:
        self.replace(target)
        return type(self)(target)

    def copy(self, target: str | os.PathLike[str], overwrite: bool = False) -> RemotePath:
        _gfile().copy(str(self), os.fspath(target), overwrite=overwrite)
        return type(self)(target)

    def rmtree(self) -> None:
        _gfile().rmtree(str(self))


def for_tfds(place: str) -> None:
    """Makes TFDS read and write a URL like ours; it knows those of some object stores by itself."""
    from etils import epath
    from etils.epath import register

    prefix = f"{RemotePath(place).scheme}://"
    if prefix not in register._URI_PREFIXES_TO_CLS:
        epath.register_path_cls(prefix)(RemotePath)


def check(place: str | os.PathLike[str], writes: bool = False) -> None:
    """Makes sure that a remote place can be reached, before anything else is done; does nothing for a local one.

    Args:
      place: A file or folder; it need not exist.
      writes: Whether it must be possible to write into it: a small file is written there and removed.

    Raises:
      UsageError: TensorFlow does not know the scheme, or has no access; or the name is one that it takes for a pattern.
    """
    if not is_remote(place):
        return
    path = as_path(place)
    if is_pattern(path):
        raise UsageError(
            f"{path}: TensorFlow takes [, *, ? and \\ in a URL for patterns; name a folder without them."
        )
    known = _schemes(path.scheme)
    if path.scheme not in known:
        listed = ", ".join(f"{scheme}://" for scheme in known)
        raise UsageError(
            f"{path}: TensorFlow has no file system for {path.scheme}:// here (it has {listed}). Name a local folder, "
            "or install what brings it: tensorflow-io has s3://, az:// and hdfs://."
        )
    try:
        if writes:
            path.mkdir()
            probe = path / f".write-test-{os.getpid()}"
            with probe.open("w") as file:
                file.write("x")
            probe.unlink()
        else:
            path.exists()
    except Exception as error:  # of any kind: each file system has its own
        raise UsageError(
            f"{path} can't be {'written' if writes else 'read'}: {first_line(error)}. Check its name, and the "
            f"credentials for {path.scheme}://."
        ) from error


def local_copy(place: str | os.PathLike[str]) -> Path:
    """A local path as it is; a remote file or folder as a copy, which is removed at the end of the process.

    It is copied again only if it has changed.

    Raises:
      PerceiverError: nothing is there, or it can't be copied.
    """
    if not is_remote(place):
        return as_path(place)
    check(place)
    path = as_path(place)
    return _copied(str(path), _stamps(path))


def _stamps(place: RemotePath) -> tuple[Any, ...]:
    """What changes if the files do, as far as the file system tells."""
    files = list(_files(place)) if place.is_dir() else [place] if place.exists() else []
    stats = [(str(file), _gfile().stat(str(file))) for file in files]
    return tuple((name, stat.length, stat.mtime_nsec) for name, stat in stats)


@functools.cache
def _copied(url: str, stamps: tuple[Any, ...]) -> Path:
    source = RemotePath(url)
    scratch = tempfile.mkdtemp(prefix="perceiver_copy_")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    target = Path(scratch, source.name)
    try:
        if not source.exists():
            raise PerceiverError(f"There is nothing at {url}.")
        for file in [source] if not source.is_dir() else _files(source):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            _gfile().copy(str(file), str(copy), overwrite=True)
    except PerceiverError:
        raise
    except Exception as error:
        raise PerceiverError(f"{url} can't be copied to {scratch}: {first_line(error)}.") from error
    return target


def upload(folder: Path, target: RemotePath, last: str) -> None:
    """Replaces `target` by the files of a local folder. `last` is removed first and written last: without it, a reader
    does not take the rest."""
    _copied.cache_clear()
    (target / last).unlink(missing_ok=True)
    if target.exists():
        _gfile().rmtree(str(target))
    files = [path for path in folder.rglob("*") if path.is_file()]
    for file in sorted(files, key=lambda path: (path == folder / last, path)):
        place = target / file.relative_to(folder)
        place.parent.mkdir()
        _gfile().copy(str(file), str(place), overwrite=True)


def _files(folder: RemotePath) -> Iterator[RemotePath]:
    for path in folder.iterdir():
        yield from _files(path) if path.is_dir() else [path]


def _schemes(wanted: str) -> list[str]:
    """The schemes that TensorFlow knows. Importing tensorflow-io registers its own."""
    known = _gfile().get_registered_schemes()
    if wanted not in known and importlib.util.find_spec("tensorflow_io"):
        importlib.import_module("tensorflow_io")
        known = _gfile().get_registered_schemes()
    return sorted(scheme for scheme in known if scheme)


def _gfile() -> Any:
    import tensorflow as tf

    return tf.io.gfile
