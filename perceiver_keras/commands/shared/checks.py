"""What this machine has and what it lacks for Perceiver: `examine()` yields one `Finding` per line.

The checks write nothing, except a temporary nameless file in folders that must be writable.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

State = Literal[
    "ok", "note", "missing"
]  # `missing`: something necessary is, and the exit code is 1

GIB = 1024**3
LEAST_DISK = 2 * GIB  # a run of `tiny` takes 0.1 GiB, checkpoints of the released models take 1 GiB
LEAST_MEMORY = 3 * GIB

# Names of distributions.
NECESSARY = ("tensorflow", "keras", "tensorflow-addons", "tensorflow-datasets", "numpy")
PIPELINE = (
    "tfx",
    "apache-beam",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "ml-metadata",
)
SET = "pip install -r requirements.lock"


class Finding(NamedTuple):
    """One line of the doctor: what was checked, its state, what was found, and what to do about it."""

    what: str
    state: State
    seen: str
    advice: str = ""


def examine(run_dir: Path, data_dir: Path | None = None) -> Iterator[Finding]:
    """All findings, the quick ones first: listing devices imports TensorFlow, which takes seconds."""
    yield python()
    yield from packages()
    yield lock()
    yield memory()
    yield folder("run folder", run_dir, LEAST_DISK)
    yield folder("data folder", data_dir or default_data_dir(), LEAST_DISK // 4)
    yield folder("temporary folder", Path(tempfile.gettempdir()), LEAST_DISK // 4)
    yield ffmpeg()
    yield from devices()


def python() -> Finding:
    seen = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] == (3, 10):
        return Finding("Python", "ok", seen)
    return Finding(
        "Python", "missing", seen, "tfx 1.15 needs Python 3.10: `uv python install 3.10`"
    )


def packages() -> Iterator[Finding]:
    for name in NECESSARY:
        version = installed(name)
        if version is None:
            yield Finding(name, "missing", "not installed", "`pip install perceiver-keras`")
        else:
            yield Finding(name, "ok", version)
    absent = [name for name in PIPELINE if installed(name) is None]
    if absent:
        yield Finding(
            "pipeline", "note", f"without {', '.join(absent)}",
            "`perceiver run` needs them: `pip install 'perceiver-keras[pipeline]'`",
        )  # fmt: skip
    else:
        yield Finding("pipeline", "ok", ", ".join(f"{n} {installed(n)}" for n in PIPELINE))


def lock(path: Path | None = None) -> Finding:
    """What is installed, compared with requirements.lock if this is a checkout."""
    path = path or Path(__file__).resolve().parents[3] / "requirements.lock"
    if not path.exists():
        return Finding("lock", "note", "no requirements.lock here (installed from a wheel)")
    wanted = dict(read_lock(path.read_text(encoding="utf-8")))
    other = [
        f"{name} {have} (lock: {want})"
        for name, want in wanted.items()
        if (have := installed(name)) is not None and have != want
    ]
    absent = [name for name in wanted if installed(name) is None]
    if other:
        more = "" if len(other) <= 5 else f" and {len(other) - 5} more"
        return Finding("lock", "note", f"differs: {', '.join(other[:5])}{more}", f"`{SET}`")
    if absent:
        more = "" if len(absent) <= 5 else f" and {len(absent) - 5} more"
        return Finding("lock", "note", f"not installed: {', '.join(absent[:5])}{more}", f"`{SET}`")
    return Finding("lock", "ok", f"all {len(wanted)} packages as in requirements.lock")


def read_lock(text: str) -> Iterator[tuple[str, str]]:
    """(name, version) of each `name==version` line."""
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line):
            yield match[1], match[2]


def installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def memory() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return Finding("machine", "note", f"{cores} cores, memory unknown")
    seen = f"{cores} cores, {size / GIB:.1f} GiB memory"
    if size < LEAST_MEMORY:
        return Finding("machine", "note", seen, "the pipeline needs 3 GiB; lower data.batch_size")
    return Finding("machine", "ok", seen)


def default_data_dir() -> Path:
    """Where TFDS keeps prepared data sets by default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets")


def folder(what: str, path: Path, least: int) -> Finding:
    """Whether the folder, or its nearest existing parent, can be written and has enough space."""
    existing = path.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        return Finding(what, "missing", f"{existing} is a file", "choose another path")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Finding(
            what, "missing", f"{path}: {error.strerror}", "choose another or fix its permissions"
        )
    free = shutil.disk_usage(existing).free
    seen = f"{path}{'' if path.exists() else ' (created when needed)'}, {free / GIB:.1f} GiB free"
    if free < least:
        return Finding(what, "missing", seen, f"free at least {least / GIB:.1f} GiB")
    return Finding(what, "ok", seen)


def ffmpeg() -> Finding:
    if path := shutil.which("ffmpeg"):
        return Finding("ffmpeg", "ok", path)
    try:
        import imageio_ffmpeg

        return Finding("ffmpeg", "ok", imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        advice = "video and sound need it: `pip install 'perceiver-keras[video]'`"
        return Finding("ffmpeg", "note", "not found", advice)


def devices(list_devices: Callable[[], list[str]] | None = None) -> Iterator[Finding]:
    """The devices that TensorFlow uses."""
    try:
        names = (list_devices or _tensorflow_devices)()
    except Exception as error:  # importing a broken library may raise anything
        yield Finding("devices", "missing", f"TensorFlow does not load: {error}", f"`{SET}`")
        return
    accelerators = [name for name in names if not name.startswith("CPU")]
    has_card = shutil.which("nvidia-smi") is not None or Path("/dev/nvidia0").exists()
    if has_card and not accelerators:
        yield Finding(
            "devices", "note", "an NVIDIA card that TensorFlow does not see",
            "`pip install 'perceiver-keras[gpu]'` brings CUDA 12; the driver must be 525 or newer",
        )  # fmt: skip
    else:
        yield Finding("devices", "ok", ", ".join(accelerators or names))


def _tensorflow_devices() -> list[str]:
    import tensorflow as tf

    found = []
    for device in tf.config.list_physical_devices():
        details = tf.config.experimental.get_device_details(device)
        name = details.get("device_name", "")
        found.append(f"{device.device_type}:{device.name.rsplit(':', 1)[-1]} {name}".strip())
    return found
