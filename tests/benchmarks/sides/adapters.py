"""What can be said of a peer's adapter where its libraries are not installed."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from perceiver_keras.benchmarks import cases, peers
from tests.style.tree import ROOT, imported

SIDES = Path("benchmarks/sides")


def third_party(name: str) -> set[str]:
    """The libraries that an adapter imports."""
    tops = {module.split(".")[0] for module in imported(SIDES / name)}
    return tops - sys.stdlib_module_names


def made(name: str) -> set[str]:
    """The tasks that an adapter has models of: the keys of its MAKERS."""
    for node in ast.parse((ROOT / SIDES / name).read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if getattr(target, "id", "") == "MAKERS":
            return {ast.literal_eval(key) for key in node.value.keys}
    raise AssertionError(f"{name} has no MAKERS")


def promised(name: str) -> set[str]:
    """The tasks of the cases that the peer's row says it can do."""
    peer = peers.get(name)
    return {case.task for case in cases.all_cases() if case.task and peer.can(case)}
