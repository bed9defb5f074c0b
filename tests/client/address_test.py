"""Addresses: gRPC and REST told apart, what a URL names, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.client.address import Address, parse
from perceiver_keras.errors import UsageError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("localhost:8500", Address("localhost:8500", "grpc")),
        ("grpc://10.0.0.1:8500/", Address("10.0.0.1:8500", "grpc")),
        ("[::1]:8500", Address("[::1]:8500", "grpc")),
        ("http://localhost:8501", Address("localhost:8501", "http")),
        ("http://h", Address("h:80", "http")),
        ("https://h/", Address("h:443", "https")),
        ("http://h:1/v1/models", Address("h:1", "http")),
        ("http://h:1/v1/models/digits/", Address("h:1", "http", model="digits")),
        ("http://h:1/v1/models/a/versions/12", Address("h:1", "http", model="a", version=12)),
        ("http://h:1/v1/models/a/labels/new:predict", Address("h:1", "http", "", "a", None, "new")),
        ("https://h/proxy/v1/models/a", Address("h:443", "https", "/proxy", "a")),
    ],
)
def test_an_address_names_a_place_and_maybe_a_model(text: str, wanted: Address) -> None:
    assert parse(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "h:99999", "h:x", "ftp://h:1", "http://", "http://user:word@h:1"),
        *("http://h:1/?a=b", "h:8500/v1/models/a"),
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected HOST:PORT") as caught:
        parse(text)
    assert str(caught.value).startswith(f"{text}: ")


@given(
    model=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    version=st.none() | st.integers(0, 2**63 - 1),
    label=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_a_path_is_read_back(model: str, version: int | None, label: str | None) -> None:
    label = None if version is not None else label
    path = Address("h:1", "http", "/p").path(model, version, label)
    assert path.isascii() and " " not in path
    assert parse(f"http://h:1{path}") == Address("h:1", "http", "/p", model, version, label)
