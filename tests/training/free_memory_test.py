"""Free memory under the limits that containers and shells set."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from perceiver_keras.training.free_memory import GIB, Free, free_memory, host_memory, spell


def machine(root: Path, available: int, **files: str) -> str:
    """A tree of `proc` and `sys` with that many bytes available; names with `__` for `/`."""
    files = {"proc__meminfo": f"MemTotal: 9 kB\nMemAvailable: {available // 1024} kB\n"} | files
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_without_limits_it_is_what_the_machine_has(tmp_path):
    free = host_memory(machine(tmp_path, 8 * GIB))
    assert free == Free(8 * GIB, "this machine")


def test_a_container_of_version_2(tmp_path):
    """The tightest group above the process counts, and caches can be given up."""
    root = machine(
        tmp_path, 8 * GIB, proc__self__cgroup="0::/pod/me\n",
        **{
            "sys__fs__cgroup__pod__memory.max": f"{3 * GIB}\n",
            "sys__fs__cgroup__pod__memory.current": f"{2 * GIB}\n",
            "sys__fs__cgroup__pod__memory.stat": f"anon 5\ninactive_file {GIB // 2}\n",
            "sys__fs__cgroup__pod__me__memory.max": "max\n",
            "sys__fs__cgroup__pod__me__memory.current": "5\n",
        },
    )  # fmt: skip
    assert host_memory(root) == Free(GIB + GIB // 2, "this container")


def test_a_container_of_version_1(tmp_path):
    root = machine(
        tmp_path, 8 * GIB, proc__self__cgroup="4:cpu:/x\n3:memory:/docker/abc\n",
        **{
            "sys__fs__cgroup__memory__memory.limit_in_bytes": f"{2 * GIB}\n",
            "sys__fs__cgroup__memory__memory.usage_in_bytes": f"{GIB}\n",
        },
    )  # fmt: skip
    assert host_memory(root) == Free(GIB, "this container")


def test_a_limit_of_version_1_that_is_none(tmp_path):
    root = machine(
        tmp_path, 8 * GIB, proc__self__cgroup="3:memory:/\n",
        **{
            "sys__fs__cgroup__memory__memory.limit_in_bytes": "9223372036854771712\n",
            "sys__fs__cgroup__memory__memory.usage_in_bytes": "5\n",
        },
    )  # fmt: skip
    assert host_memory(root).where == "this machine"


def test_a_limit_of_the_shell():
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + GIB // 2, before[1]))
    try:
        free = host_memory()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert free.where == "this process (ulimit -v)"
    assert free.size == pytest.approx(GIB // 2, rel=0.1)


def test_the_fullest_gpu_counts_and_not_the_host():
    gpus = [Free(5 * GIB, "GPU:0", False), Free(2 * GIB, "GPU:1", False)]
    assert free_memory(lambda: gpus) == gpus[1]
    assert free_memory(list).host


def test_sizes_are_spelt_for_people():
    assert [spell(size) for size in (0, 5 << 20, GIB, 12.34 * GIB)] == [
        "0 MiB", "5 MiB", "1.0 GiB", "12.3 GiB",
    ]  # fmt: skip
