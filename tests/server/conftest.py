"""One model and one server for all tests of the server: starting them takes longer than asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from perceiver_keras.server.settings import Limits, ModelSource
from tests.server import tiny_models
from tests.server.running import Running, running

VERSION = 7
LIMITS = Limits(
    max_request_bytes=1 << 20,
    request_timeout_seconds=5.0,
    header_timeout_seconds=0.5,
    max_header_bytes=16 << 10,
)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel of `tiny_models`. Read only."""
    return tiny_models.save(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture(scope="session")
def base(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of versions with that model. Read only."""
    folder = tmp_path_factory.mktemp("versions") / "half"
    tiny_models.publish(saved, folder, VERSION)
    return folder


@pytest.fixture(scope="session")
def server(base: Path) -> Iterator[Running]:
    """A server with the model `half`, whose version 7 is also called stable. Whoever asks it leaves it as it is."""
    source = ModelSource(name="half", base_path=str(base), labels={"stable": VERSION})
    with running([source], limits=LIMITS) as found:
        yield found
