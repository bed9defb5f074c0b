"""One good export of the tiny task, for all that read or spoil it."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session")
def good(tmp_path_factory) -> str:
    """An export with warm-up requests. Read only: `copy` may be changed."""
    from perceiver_keras.export import export_saved_model
    from tests import tiny_task as tiny

    folder = str(tmp_path_factory.mktemp("validator") / "model")
    return export_saved_model(
        tiny.TASK, tiny.CONFIG, tiny.model(), folder, labels=tiny.LABELS, warmup=tiny.examples(3)
    )


@pytest.fixture
def copy(good: str, tmp_path) -> str:
    return str(shutil.copytree(good, tmp_path / "copy"))
