"""The sides that ours is measured against, and the environments that they run in.

A peer has a virtual environment of its own, made from ordinary wheels by `install`, in the user's cache folder. Where a
peer's code is not in a wheel, the user gives a checkout of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perceiver_keras import checkout
from perceiver_keras.benchmarks.cases import MODELS, Case
from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.files import write_json

SIDES = Path(__file__).absolute().parent / "sides"
# PyTorch's builds without CUDA's libraries, which are 3 GB. They are in the ordinary index for some systems only.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH = "2.13.0"
NEWER_PYTHONS = (
    "python3.13",
    "python3.12",
    "python3.11",
)  # jax 0.10 needs one, TensorFlow 2.15 an older


@dataclass(frozen=True, kw_only=True)
class Side:
    """Who is measured.

    Attributes:
      name, title: In options, and in tables.
      adapter: Its file in `benchmarks/sides/`.
      packages: What its environment has, as pip takes it; empty: our own environment.
      pythons: Newer interpreters that are looked for first; none: the one behind this process.
      source: What a checkout must be of, where one is needed; a folder in it shows that it is one.
      can: Whether it can do a case.
      extra: What its adapter is told in addition to the case.
    """

    name: str
    title: str
    adapter: str
    packages: tuple[str, ...] = ()
    pythons: tuple[str, ...] = NEWER_PYTHONS
    source: tuple[str, str] | None = None
    can: Callable[[Case], bool] = lambda case: True
    extra: dict[str, Any] = field(default_factory=dict)


_RELEASED = {preset for _, preset in MODELS.values()}
# What the port builds from its parts is the same model for these; of the others it has no such model.
_TINY_IN_TORCH = ("image_classification", "language_mlm", "text_classification")


def _is_model(case: Case) -> bool:
    return case.kind in ("forward", "train")


def _in_torch(case: Case) -> bool:
    tiny = case.preset == "tiny" and case.task in _TINY_IN_TORCH
    return case.kind == "products" or (_is_model(case) and (case.preset in _RELEASED or tiny))


OURS = Side(name="ours", title="ours", adapter="ours.py")
OTHERS = (
    Side(
        name="huggingface",
        title="Hugging Face",
        adapter="huggingface.py",
        packages=(f"torch=={TORCH}", "transformers==5.23.0"),
        can=_in_torch,
    ),
    Side(
        name="deepmind",
        title="official JAX",
        adapter="deepmind.py",
        packages=("jax==0.10.0", "dm-haiku", "einops", "optax"),
        source=("google-deepmind/deepmind-research", "perceiver"),
        can=lambda case: _is_model(case) and case.preset in _RELEASED,
    ),
    Side(
        name="tensorflow_models",
        title="tensorflow/models",
        adapter="tensorflow_models.py",
        # Our TensorFlow, so that what differs is the code; and what its layers import when they are imported.
        packages=("tensorflow==2.15.1", "tf-keras==2.15.1", "gin-config", "scipy"),
        pythons=(),
        source=("tensorflow/models", "official/projects/perceiver"),
        can=lambda case: _is_model(case) and case.task == "language_mlm",
    ),
    Side(name="xla", title="ours, XLA", adapter="ours.py", can=_is_model, extra={"xla": True}),
)


def get(name: str) -> Side:
    """The peer of that name; raises `UsageError` that offers the nearest if there is none."""
    for peer in OTHERS:
        if peer.name == name.replace("-", "_"):
            return peer
    raise UsageError(f"There is no peer {name!r}.{nearest(name, [p.name for p in OTHERS])}")


@dataclass(frozen=True)
class Ready:
    """A side that can be started: its interpreter, and where its code lies if that is a checkout."""

    side: Side
    python: Path
    source: Path | None = None

    def command(self) -> list[str]:
        return [str(self.python), str(SIDES.parent / "worker.py"), str(SIDES / self.side.adapter)]

    def environment(self) -> dict[str, str]:
        """Ours finds this package, whether installed or not; a peer finds nothing of ours."""
        own = {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
        found = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | own
        if not self.side.packages:
            found["PYTHONPATH"] = os.pathsep.join(
                [str(checkout.HERE.parent), os.environ.get("PYTHONPATH", "")]
            ).rstrip(os.pathsep)
        elif self.source:
            found["PYTHONPATH"] = str(self.source)
        return found


def ours() -> Ready:
    return Ready(OURS, Path(sys.executable))


def ready(words: str) -> Ready:
    """A peer by its name, or NAME=FOLDER with a checkout, if it can be started.

    Raises:
      UsageError: there is no such peer, or the folder is no checkout of it.
      PerceiverError: its environment is not there.
    """
    name, _, folder = words.partition("=")
    peer = get(name)
    source = _checked(peer, folder)
    python = _python(environment_folder(peer)) if peer.packages else Path(sys.executable)
    if peer.packages and not _is_current(peer):
        raise PerceiverError(f"{peer.name} is not installed; `--install` makes its environment.")
    return Ready(peer, python, source)


def environment_folder(peer: Side) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "perceiver-keras", "peers", peer.name)


def install(peer: Side, say: Callable[[str], None]) -> None:
    """Makes the peer's environment, unless it is there already.

    Raises:
      PerceiverError: a package can't be installed; with pip's last line.
    """
    if not peer.packages or _is_current(peer):
        return
    folder = environment_folder(peer)
    say(f"Making an environment for {peer.title} in {folder} …")
    torch = [word for word in peer.packages if word.startswith("torch==")]
    if not torch or not _with_cpu_build(torch[0], peer, folder):
        if torch:
            say(f"The CPU build of {torch[0]} is out of reach: taking the ordinary one, some GB.")
        _create(next(_pythons(peer)), folder)
    if error := _pip(folder, *peer.packages):
        raise PerceiverError(f"{peer.name} could not be installed: {error}")
    write_json(folder / "packages.json", list(peer.packages))


def _checked(peer: Side, folder: str) -> Path | None:
    if peer.source is None:
        if folder:
            raise UsageError(f"--peer {peer.name}={folder}: this peer takes no folder.")
        return None
    of, inside = peer.source
    if not folder:
        raise UsageError(f"--peer {peer.name}: name a checkout of {of}, {peer.name}=FOLDER.")
    if not Path(folder, inside).is_dir():
        raise UsageError(f"--peer {peer.name}={folder}: no checkout of {of}; it has no {inside}.")
    return Path(folder).absolute()


def _is_current(peer: Side) -> bool:
    try:
        installed = json.loads((environment_folder(peer) / "packages.json").read_text())
    except (OSError, ValueError):
        return False
    return installed == list(peer.packages) and _python(environment_folder(peer)).exists()


def _with_cpu_build(torch: str, peer: Side, folder: Path) -> bool:
    """Installs PyTorch's CPU build alone, for the first interpreter for which there is one."""
    wanted = ("--no-deps", "--retries", "1", "--extra-index-url", CPU_INDEX, f"{torch}+cpu")
    for python in _pythons(peer):
        _create(python, folder)
        if not _pip(folder, *wanted):
            return True
    return False


def _pythons(peer: Side) -> Iterator[Path]:
    """The newer interpreters for a peer that are here and run, then the one behind this process."""
    for name in peer.pythons:
        found = shutil.which(name)
        if (
            found
            and not subprocess.run([found, "-c", "import venv"], capture_output=True).returncode
        ):
            yield Path(found)
    yield Path(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info[:2]))


def _create(python: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([python, "-m", "venv", "--clear", folder])


def _pip(folder: Path, *words: str) -> str:
    """Installs; returns "" or the last line of pip's complaint."""
    try:
        _run([_python(folder), "-m", "pip", "install", "--quiet", "--no-input", *words])
    except PerceiverError as error:
        return str(error)
    return ""


def _run(command: list[Any]) -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PerceiverError(f"{words[0]}: {error.strerror}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise PerceiverError(last[:300])


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"
