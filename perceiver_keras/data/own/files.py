"""Which files of a folder are data: left-overs of systems and editors are passed over and counted; archives unpack."""

from __future__ import annotations

import errno
import hashlib
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from perceiver_keras.errors import PerceiverError, UsageError, first_line
from perceiver_keras.files import aside_of

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# Made by macOS, Windows, Synology and other systems, whatever the case of their letters.
_SYSTEM = {
    *("__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir"),
    *("lost+found", "$recycle.bin", "system volume information", "node_modules"),
}
_UNFINISHED = re.compile(r"(~|\.(tmp|temp|part|partial|crdownload|swp|bak))$", re.IGNORECASE)


def left_over(name: str) -> str | None:
    """Why a file or folder of this name (not a path) is never data; None if it may be."""
    if name.startswith("."):  # .DS_Store, ._x of macOS, .ipynb_checkpoints, .git
        return "hidden"
    if name.lower() in _SYSTEM:
        return "left by a system"
    return "unfinished or a backup" if _UNFINISHED.search(name) else None


@dataclass
class Listing:
    """The files below a folder, as paths relative to it, in an order that is the same on every machine.

    Attributes:
      root: The folder.
      files: Non-empty regular files that are not left-overs.
      passed: Reason -> how many files or folders were passed over for it.
    """

    root: Path
    files: list[PurePosixPath]
    passed: Counter[str] = field(default_factory=Counter)

    def keep(self, wanted: Callable[[PurePosixPath], bool], reason: str) -> list[PurePosixPath]:
        """The files that `wanted` accepts; the others are counted as passed over."""
        kept = [path for path in self.files if wanted(path)]
        if len(kept) < len(self.files):
            self.passed[reason] += len(self.files) - len(kept)
        return kept


def files_below(folder: Path) -> list[Path]:
    """Regular files below a folder, sorted, without left-overs; empty ones stay: a benchmark passes nothing over."""
    if not folder.is_dir():
        return []
    inside = ((path, path.relative_to(folder).parts) for path in sorted(folder.rglob("*")))
    return [path for path, parts in inside if not any(map(left_over, parts)) and path.is_file()]


def listing(root: Path) -> Listing:
    """All files below `root`; links to folders are followed, each folder once.

    Raises:
      PerceiverError: a folder can't be read.
    """
    found = Listing(Path(root), [])
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_refuse):
        place = os.stat(folder)
        if (place.st_dev, place.st_ino) in seen:  # a link back to a folder above
            folders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        for name in sorted(folders):
            if reason := left_over(name):
                found.passed[f"{reason} (folders)"] += 1
                folders.remove(name)
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if reason := left_over(name) or _unusable(path):
                found.passed[reason] += 1
            else:
                found.files.append(PurePosixPath(path.relative_to(root).as_posix()))
    found.files.sort(key=str)
    return found


def data_files(root: Path, pattern: str = "**/*") -> Iterator[Path]:
    """The paths of `listing(root)` whose relative path matches `pattern`, as `Path.glob` has it."""
    listed = listing(root)
    wanted = {path for path in Path(root).glob(pattern)}
    yield from (path for path in (listed.root / name for name in listed.files) if path in wanted)


def _refuse(error: OSError) -> None:
    raise PerceiverError(f"{error.filename} can't be read: {error.strerror}.") from error


def _unusable(path: Path) -> str | None:
    try:
        about = path.stat()
    except OSError:
        return "links to nothing"
    if not stat.S_ISREG(about.st_mode):
        return "not a regular file"
    return None if about.st_size else "empty"


# === Archives ===


# bzip2 and gzip call damage an OSError without a number.
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)
# Of members that can't be written: one is a file and a folder, or its name is too long.
_NAMES = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)


def is_archive(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(ARCHIVES)


def unpacked(archive: Path, place: Path) -> Path:
    """The folder in `place` with the archive's files, unpacked on first use; left-overs stay packed.

    Nothing is written outside that folder, links and devices are left out, and an archive that declares more than the
    disk has room for is refused before anything is written.

    Raises:
      PerceiverError: the archive is damaged or encrypted, or the disk is too small.
    """
    about = archive.stat()
    key = f"{archive.resolve()}\0{about.st_size}\0{about.st_mtime_ns}"
    target = place / hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    if target.is_dir():
        return target
    aside = aside_of(target)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        unpack = _unzip if archive.name.lower().endswith(".zip") else _untar
        unpack(archive, aside)
        if target.is_dir():  # another process was faster
            shutil.rmtree(aside)
        else:
            aside.rename(target)
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno in _NAMES:
            name = Path(error.filename).relative_to(aside)
            raise PerceiverError(
                f"{archive} can't be unpacked, because of its {str(name)[:80]!r}: {error.strerror}."
            ) from error
        if isinstance(error, OSError) and error.errno is not None:
            raise
        why = first_line(error)
        if why.endswith("successfully:"):  # a line for each compression that it is not follows
            why = "it does not begin like a tar"
        raise PerceiverError(f"{archive} is damaged: {why}.") from error
    except RuntimeError as error:  # zipfile's words for encryption
        raise PerceiverError(
            f"{archive} can't be unpacked: {first_line(error)}; unpack it yourself and name the folder."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def _inside(name: str) -> PurePosixPath | None:
    """Where a member goes, relative to the target; None for left-overs and names that lead outside."""
    parts = [
        part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", ".")
    ]
    if not parts or ".." in parts or any(left_over(part) for part in parts):
        return None
    return PurePosixPath(*parts)


def _room_for(size: int, place: Path, archive: Path) -> None:
    free = shutil.disk_usage(place).free
    if size > free:
        raise PerceiverError(
            f"{archive} declares {size >> 20:,} MiB, but {place.parent} has {free >> 20:,} MiB free."
        )


def _unzip(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        members = [
            (member, place)
            for member in file.infolist()
            if not member.is_dir()
            and not stat.S_ISLNK(member.external_attr >> 16)
            and (place := _inside(member.filename))
        ]
        _room_for(sum(member.file_size for member, _ in members), target, archive)
        for member, place in members:
            with file.open(member) as source:  # raises if it holds more than it declares
                _copy(source, target / place)


def _untar(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as file:
        members = [
            (member, place) for member in file if member.isreg() and (place := _inside(member.name))
        ]
        file.fileobj.seek(file.offset)
        if file.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes it for the end
            raise tarfile.ReadError("the header of a member is broken")
        _room_for(sum(member.size for member, _ in members), target, archive)
        for member, place in members:
            source = file.extractfile(member)
            assert source is not None  # a regular file
            with source:
                _copy(source, target / place)


def _copy(source, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)


def root_of(path: Path, place: Path) -> Path:
    """Where the data begins: the path itself, an archive's unpacked folder, or the only folder that a folder holds.

    Archives often hold one folder that holds everything. It is entered only if it holds folders itself, because a
    single folder of files may be a class.

    Args:
      path: A file or folder of the user's.
      place: Where archives are unpacked.

    Raises:
      UsageError: there is nothing at `path`.
      PerceiverError: as `unpacked`.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist.")
    if is_archive(path):
        path = unpacked(path, place)
    while path.is_dir():
        inside = [entry for entry in path.iterdir() if not left_over(entry.name)]
        if len(inside) != 1 or not inside[0].is_dir():
            break
        if not any(e.is_dir() and not left_over(e.name) for e in inside[0].iterdir()):
            break
        path = inside[0]
    return path
