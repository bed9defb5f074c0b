"""A checkout of the code alone, in which files can change."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perceiver_keras.pipeline import code
from tests.mariadb import Server, server

Change = Callable[[str], contextlib.AbstractContextManager[None]]


@pytest.fixture(scope="module")
def checkout(repository: Path, tmp_path_factory) -> Iterator[Path]:
    """A copy of our three packages, from which fingerprints are computed."""
    copy = tmp_path_factory.mktemp("checkout")
    for package in code.PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / package, copy / package, ignore=ignore)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "ROOT", copy)
        code.code_fingerprint.cache_clear()
        yield copy
    code.code_fingerprint.cache_clear()


@pytest.fixture
def changed(checkout: Path) -> Change:
    """`with changed(path)`: a comment more in that file of the copy."""

    @contextlib.contextmanager
    def change(path: str) -> Iterator[None]:
        before = (checkout / path).read_bytes()
        (checkout / path).write_bytes(before + b"# changed\n")
        code.code_fingerprint.cache_clear()
        yield
        (checkout / path).write_bytes(before)
        code.code_fingerprint.cache_clear()

    return change


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory) -> Iterator[Server]:
    """One server for all; a test that kills it starts it again."""
    yield from server(tmp_path_factory.mktemp("mariadb"))
