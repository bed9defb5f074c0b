"""Trees of arrays read from pickles in memory and compared bit for bit, and the fixtures of either source by task."""

from __future__ import annotations

import io
from typing import Any

from perceiver_keras.convert.pickles import read_pickle
from tests.parity.fixtures import fixtures

DEEPMIND = [task for source, task in fixtures() if source == "deepmind"]
HUGGINGFACE = [task for source, task in fixtures() if source == "huggingface"]


def loads_pickle(data: bytes) -> Any:
    """What a pickle in memory describes."""
    return read_pickle(io.BytesIO(data), len(data), source="pickle")


def flat(tree: Any, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The leaves of nested dictionaries by their path."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {k: v for name in tree for k, v in flat(tree[name], (*prefix, name)).items()}


def assert_same(got: Any, expected: Any) -> None:
    """The same names, types, shapes and bits."""
    got, expected = flat(got), flat(expected)
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert got[name].dtype == array.dtype and got[name].shape == array.shape, name
        assert got[name].tobytes() == array.tobytes(), name
