"""What the official code and the PyTorch port computed, as the parity tests read it.

`PERCEIVER_PARITY_DIR` names the folder (default: `data/` here). A fixture that is too large for
this repository is read from a folder `shared/parity` beside the checkout, where there is one.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_keras.convert.checkpoint import Checkpoint
from perceiver_keras.convert.deepmind import from_tree
from perceiver_keras.convert.download import HUGGINGFACE_REPOSITORIES
from perceiver_keras.convert.huggingface import from_state_dict, settings_of
from perceiver_keras.convert.safetensors_file import load_safetensors

HERE = Path(__file__).parent / "data"
BESIDE = Path(__file__).parents[3] / "shared" / "parity"
SOURCES = ("deepmind", "huggingface")


def fixtures() -> dict[tuple[str, str], Path]:
    """(source, task) -> its .npz, of every fixture that there is."""
    named = os.environ.get("PERCEIVER_PARITY_DIR")
    found = {}
    for folder in [Path(named)] if named else [BESIDE, HERE]:
        for source in SOURCES:
            for path in sorted((folder / source).glob("*.npz")):
                found[source, path.stem] = path
    return dict(sorted(found.items()))


def downloaded(preset: str, cache: Path) -> Path:
    """The small model of a released preset as the download from the hub leaves it in a cache."""
    stored = Fixture("huggingface", preset).path
    folder = cache / "huggingface" / HUGGINGFACE_REPOSITORIES[preset].split("/")[1]
    folder.mkdir(parents=True)
    shutil.copy(stored.with_suffix(".safetensors"), folder / "model.safetensors")
    shutil.copy(stored.with_suffix(".config.json"), folder / "config.json")
    return folder


class Fixture:
    """One fixture: `inputs`, `outputs`, `points` and `settings` by name, and the weights as stored."""

    def __init__(self, source: str, task: str) -> None:
        self.source, self.task = source, task
        self.path = fixtures()[source, task]
        with np.load(self.path, allow_pickle=False) as file:
            self.arrays = {name: file[name] for name in file.files}
        self.inputs = self._below("input")
        self.outputs = self._below("output")
        self.points = self._below("subsample")
        if source == "deepmind":
            self.settings: dict[str, Any] = json.loads(str(self.arrays["config"]))
        else:
            self.settings = json.loads(self.path.with_suffix(".config.json").read_text())

    def _below(self, prefix: str) -> dict[str, np.ndarray]:
        """Arrays named PREFIX/NAME, and PREFIX alone as ""."""
        named = {
            name.removeprefix(prefix).removeprefix("/"): array
            for name, array in self.arrays.items()
            if name.split("/")[0] == prefix
        }
        return named

    @property
    def tree(self) -> dict[str, Any]:
        """DeepMind: {"params": tree, "state": tree} as in the released pickles."""
        tree: dict[str, Any] = {"params": {}, "state": {}}
        for key, array in self.arrays.items():
            part, _, rest = key.partition("/")
            if part in tree:
                module, _, name = rest.rpartition("/")
                tree[part].setdefault(module, {})[name] = array
        return tree

    @property
    def state_dict(self) -> dict[str, np.ndarray]:
        return load_safetensors(self.path.with_suffix(".safetensors"))

    def checkpoint(self) -> Checkpoint:
        if self.source == "deepmind":
            return from_tree(self.tree, path=str(self.path))
        settings = settings_of(self.settings)
        return from_state_dict(self.state_dict, settings=settings, path=str(self.path))
