"""Reads and writes DeepMind's released pickles: a Haiku tree {module: {name: array}}.

The ImageNet and video files hold {"params": tree, "state": tree}; the others hold the parameter tree itself.
"""

from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np

from perceiver_keras.convert.checkpoint import (
    Checkpoint,
    from_source,
    released,
    to_source,
)
from perceiver_keras.convert.kind import kind_of
from perceiver_keras.convert.pickles import load_pickle
from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import aside_of

Tree = dict[str, dict[str, np.ndarray]]

# Haiku's moving averages divide by 1 - decay^count, which at this count is 1 to the last bit. Our
# models keep only the average, so it is written as one that has settled.
_SETTLED = 100_000


def read_deepmind(path: str | os.PathLike[str]) -> Checkpoint:
    """The checkpoint in an official pickle.

    Raises `PerceiverError` if the pickle asks for anything but arrays, or if its tensors are not
    exactly those of one of the released models; the error lists every difference.
    """
    kind = kind_of(path)
    if kind != "pickle":
        raise PerceiverError(f"{os.fspath(path)} is a {kind} file, not one of DeepMind's pickles.")
    return from_tree(load_pickle(path), path=os.fspath(path))


def from_tree(tree: Any, *, path: str = "tree") -> Checkpoint:
    """A Haiku tree, or {"params": tree, "state": tree}, as a checkpoint."""
    if not isinstance(tree, dict):
        raise PerceiverError(f"{path} holds a {type(tree).__name__}, not a tree of weights.")
    parts = [tree]
    if set(tree) <= {"params", "state"} and "params" in tree:
        parts = [tree["params"], tree.get("state") or {}]
    raw: dict[str, np.ndarray] = {}
    for part in parts:
        raw |= _flat(part, path)
    return from_source("deepmind", raw, path)


def to_tree(checkpoint: Checkpoint) -> dict[str, Any]:
    """The checkpoint as the tree that DeepMind's files hold."""
    entry = released(checkpoint.model)
    flat = to_source(checkpoint, "deepmind")
    in_state = {row.deepmind for row in checkpoint.rows if row.state}
    state = {name: flat.pop(name) for name in list(flat) if name in in_state or "_ema/" in name}
    for name in in_state:  # moving averages: Haiku keeps two more numbers for each
        counter, hidden = (name.replace("/average", f"/{part}") for part in ("counter", "hidden"))
        state.setdefault(counter, np.array(_SETTLED, np.int32))
        state.setdefault(hidden, state[name])
    if not entry.with_state:
        return _nested(flat)
    return {"params": _nested(flat), "state": _nested(state)}


def write_deepmind(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> None:
    """Writes a pickle of plain dictionaries and NumPy arrays, which the official notebooks can load."""
    aside = str(aside_of(path))
    try:
        with open(aside, "wb") as file:
            pickle.dump(_contiguous(to_tree(checkpoint)), file, protocol=4)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        if os.path.exists(aside):
            os.remove(aside)


def _contiguous(tree: Any) -> Any:
    """Arrays in C order (a transposed view would be pickled in Fortran order)."""
    if isinstance(tree, dict):
        return {name: _contiguous(part) for name, part in tree.items()}
    return np.asarray(tree, order="C")


def _flat(tree: Any, path: str) -> dict[str, np.ndarray]:
    flat = {}
    for module, tensors in tree.items() if isinstance(tree, dict) else ():
        for name, array in tensors.items() if isinstance(tensors, dict) else ():
            if not isinstance(array, np.ndarray):
                raise PerceiverError(
                    f"{path}: {module}/{name} is a {type(array).__name__}, not an array."
                )
            flat[f"{module}/{name}"] = array
    return flat


def _nested(flat: dict[str, np.ndarray]) -> Tree:
    tree: Tree = {}
    for name, array in flat.items():
        module, _, leaf = name.rpartition("/")
        tree.setdefault(module, {})[leaf] = array
    return tree
