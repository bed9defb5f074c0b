"""The server of tests/server, for its client."""

from tests.server.conftest import base, saved, server  # noqa: F401
