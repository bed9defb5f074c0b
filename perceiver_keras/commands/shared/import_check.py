"""Does a library import? Tried in other processes, because a broken one may do anything: raise, hang or crash.

One process imports a list of modules in turn, so that TensorFlow, which takes seconds, is imported once for all that
stand on it. If the process ends before its list does, the module that it was at is the broken one, and another
process goes on with the rest.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from perceiver_keras.commands.shared.requirements import normal

TIMEOUT = 300.0  # seconds for one module; tfx takes 25 on a slow machine that does nothing else

# Modules that a package no longer has, or that other names hide -> the distribution that has them.
PROVIDERS = {"pkg_resources": "setuptools"}


class Imported(NamedTuple):
    """`error` is empty if it worked; `culprit` is the distribution whose code failed, empty if that is unclear."""

    module: str
    error: str = ""
    culprit: str = ""
    devices: list[str] = []


def import_all(*chains: Iterable[str], timeout: float = TIMEOUT) -> dict[str, Imported]:
    """Imports each chain of modules in order, all chains at the same time; `timeout` is for each module."""
    with ThreadPoolExecutor(max_workers=len(chains) or 1) as pool:
        done = pool.map(lambda chain: list(_chain(list(chain), timeout)), chains)
        return {result.module: result for results in done for result in results}


def _chain(modules: list[str], timeout: float) -> Iterator[Imported]:
    while modules:
        results, end = _one_process(modules, timeout)
        yield from results
        modules = modules[len(results) :]
        if modules:
            yield Imported(modules.pop(0), error=end)


def _one_process(modules: list[str], timeout: float) -> tuple[list[Imported], str]:
    """What a process found, in order, and how it ended if that is not all."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "results.jsonl")
        path.touch()
        # This process's own sys.path: the same libraries, wherever the command was started.
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from {__name__} import report; report({modules!r}, {str(path)!r})"
        )
        # To a file, not a pipe: what a library leaves running would keep a pipe open.
        said = Path(scratch, "stderr.txt")
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            )
            code = _wait(process, path, timeout)
        lines = path.read_text(encoding="utf-8").splitlines()
        told = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    results = [Imported(**json.loads(line)) for line in lines]
    if code is None:
        return results, f"importing it takes more than {timeout:.0f} s"
    if code < 0:
        return results, f"importing it crashes Python ({signal.Signals(-code).name})"
    last = told[-1][:300] if told else "no message"
    return results, f"importing it ends Python with exit code {code}: {last}"


def _wait(process: subprocess.Popen, path: Path, timeout: float) -> int | None:
    """The exit code, or None if the process was killed because no result came for `timeout` seconds."""
    size, since = 0, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(0.05)
        if path.stat().st_size != size:
            size, since = path.stat().st_size, time.monotonic()
        elif time.monotonic() - since > timeout:
            process.kill()
            process.wait()
            return None


def report(modules: list[str], path: str) -> None:
    """In the other process: imports each module, and appends what came of it to a file."""
    for module in modules:
        result = Imported(module)
        try:
            importlib.import_module(module)
            if module == "tensorflow":
                result = result._replace(devices=_devices())
        except Exception as error:
            lines = str(error).strip().splitlines() or ["no message"]
            result = Imported(module, f"{type(error).__name__}: {lines[0][:300]}", culprit(error))
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(result._asdict()) + "\n")


def _devices() -> list[str]:
    """The devices that TensorFlow uses, as in "GPU:0 NVIDIA H100"."""
    import tensorflow as tf

    found = []
    for device in tf.config.list_physical_devices():
        details = tf.config.experimental.get_device_details(device)
        name = details.get("device_name", "")
        found.append(f"{device.device_type}:{device.name.rsplit(':', 1)[-1]} {name}".strip())
    return found


def culprit(error: BaseException) -> str:
    """The distribution that lacks a module or whose code raised, or ""."""
    while error.__cause__:
        error = error.__cause__
    if isinstance(error, ModuleNotFoundError) and error.name:
        *above, last = error.name.split(".")
        if found := _distribution(Path(*above)) if above else PROVIDERS.get(last):
            return found  # a file of its own is gone
    files, trace = [], error.__traceback__
    while trace:
        files.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    for file in reversed(files):
        for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *sys.path}:
            if folder and Path(folder) in Path(file).parents and "-packages" in folder:
                return _distribution(Path(file).relative_to(folder))
    return ""


@functools.cache
def _distribution(path: Path) -> str:
    """The distribution that a file or folder of site-packages belongs to, or ""."""
    for distribution in importlib.metadata.distributions():
        for file in distribution.files or ():
            if file.parts[: len(path.parts)] == path.parts:
                return normal(distribution.metadata["Name"])
    return ""
