"""How much memory a new allocation may take: of the accelerator, or of the host with the limits set on this process."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MIB, GIB = 2**20, 2**30


class Free(NamedTuple):
    """`size` in bytes; `where` names whose they are and what limits them, for people; `host`: the machine's own."""

    size: int
    where: str
    host: bool = True


def free_memory(gpus: Callable[[], list[Free]] | None = None) -> Free | None:
    """Of the device that computes: the GPU with the least free memory, else the host; None if nothing can be known."""
    found = (gpus or _gpus)()
    return min(found) if found else host_memory()


def host_memory(root: str = "/") -> Free | None:
    """The least of what the machine has available, the container's limit, and this process's own limit.

    Args:
      root: Where `proc` and `sys` are.
    """
    found = [
        Free(size, where)
        for size, where in (
            (_available(root), "this machine"),
            (_cgroup(root), "this container"),
            (_address_space(root), "this process (ulimit -v)"),
        )
        if size is not None
    ]
    return min(found, default=None)


def spell(size: float) -> str:
    """ "5.3 GiB", "870 MiB"."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{max(size, 0) / MIB:.0f} MiB"


def _available(root: str) -> int | None:
    """What can be had without swapping: free pages and caches that the kernel would give up."""
    for line in _lines(root, "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _cgroup(root: str) -> int | None:
    """The room under the tightest limit of this process's control groups, version 2 or 1; None without a limit."""
    rooms = []
    for line in _lines(root, "proc/self/cgroup"):
        number, controllers, path = line.strip().split(":", 2)
        if number == "0":
            base, names = "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        # Inside a container the path may be the host's; then the root of the mount is the container's own group.
        for depth in range(len(parts), -1, -1):
            folder = "/".join([base, *parts[:depth]])
            limit, used = (_number(root, f"{folder}/{name}") for name in names[:2])
            if limit is not None and used is not None and limit < 1 << 60:
                rooms.append(limit - used + _given_up(root, f"{folder}/memory.stat", names[2]))
    return max(min(rooms), 0) if rooms else None


def _given_up(root: str, path: str, key: str) -> int:
    """Bytes of file caches, which count as used until somebody needs them."""
    for line in _lines(root, path):
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0


def _address_space(root: str) -> int | None:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    pages = _lines(root, "proc/self/statm")
    return max(limit - int(pages[0].split()[0]) * os.sysconf("SC_PAGE_SIZE"), 0) if pages else limit


def _gpus() -> list[Free]:
    """What TensorFlow may still allocate on each GPU."""
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return []
    from tensorflow.python.client import device_lib

    found = []
    for device in device_lib.list_local_devices():
        if device.device_type == "GPU":
            name = "GPU:" + device.name.rsplit(":", 1)[-1]
            used = tf.config.experimental.get_memory_info(name)["current"]
            found.append(Free(device.memory_limit - used, name, False))
    return found


def _number(root: str, path: str) -> int | None:
    text = "".join(_lines(root, path)).strip()
    return int(text) if text.isdigit() else None


def _lines(root: str, path: str) -> list[str]:
    try:
        return Path(root, path).read_text().splitlines()
    except OSError:
        return []
