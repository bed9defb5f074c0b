"""What the numbers came from: processor, cores, memory and versions, without anything that names the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from perceiver_keras import stack

# What decides how fast a matrix product can be.
_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
PACKAGES = ("perceiver-keras", "tensorflow", stack.keras_name(), "numpy")


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy() -> float | None:
    """Seconds that all processors together have worked since the machine started; None where Linux doesn't say so."""
    try:
        fields = Path("/proc/stat").read_text(encoding="utf-8").split("\n")[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _waiting, *interrupts_and_steal = map(int, fields[:8])
    return (user + nice + system + sum(interrupts_and_steal)) / os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, Any]:
    """{"processor", "features", "cores", "memory_gib", "system", "python", "versions"}."""
    info = _processor_info()
    flags = set((info.get("flags") or info.get("Features") or "").split())
    return {
        "processor": info.get("model name") or platform.processor() or platform.machine(),
        "features": [name for name in _FEATURES if name in flags],
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two descriptions are of machines whose numbers may stand in one table; versions may differ."""
    return all(one[key] == other[key] for key in ("processor", "cores", "system"))


def in_words(machine: dict[str, Any]) -> str:
    """One line for people."""
    features = f" ({', '.join(machine['features'])})" if machine["features"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['cores']} cores of {machine['processor']}{features}, {machine['memory_gib']:g} GiB, "
        f"{machine['system']}, Python {machine['python']}, {versions}"
    )


def _processor_info() -> dict[str, str]:
    """The first processor's entry of Linux's list; empty elsewhere."""
    try:
        entry = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in entry.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
