"""Adapters of a few lines, for tests of what starts them and listens to them."""

from __future__ import annotations

import sys
from pathlib import Path

from perceiver_keras.benchmarks.peers import Ready, Side


def adapter(folder: Path, name: str, body: str) -> Ready:
    """A side of that name, whose adapter has these lines after `versions`."""
    path = folder / f"{name}.py"
    path.write_text(f"def versions():\n    return {{'{name}': '1'}}\n\n{body}\n", encoding="utf-8")
    return Ready(Side(name=name, title=name, adapter=str(path)), Path(sys.executable))
