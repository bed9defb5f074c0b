"""The address of a database, and its password: found where it is, and repeated in no message."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline import address

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)


@given(TEXT, TEXT, TEXT.filter(lambda name: "/" not in name))
def test_every_part_is_unquoted_and_the_password_is_in_no_repr(user, password, database) -> None:
    parts = [quote(part, safe="") for part in (user, password, database)]
    found = address.read("mysql://{}:{}@db.example:3307/{}".format(*parts))
    assert (found.user, found.password, found.database) == (user, password, database)
    assert (found.host, found.port) == ("db.example", 3307)
    assert repr(found).count(repr(password)) == [user, database].count(password)


# Written as they are, these change what the address says.
@pytest.mark.parametrize(
    "uri",
    [
        "mysql://me:sec/ret@host/runs",
        "mysql://me:sec?ret@host/runs",
        "mysql://me:sec#ret@host/runs",
        "mysql://me:1/ret@host/runs",
        "mysql://me@x:ret/2@host/runs",
        "mysql://me:sec%ffret@host/runs",
        "mysql://me:ret@[host/runs",
        "mysql://me:ret@host:ret/runs",
        "mysql://me:ret@host",
        "mysql://:ret@host/runs",
        "mysql://me:ret@host/runs?ssl=1",
        "mysql://me:ret@host/runs#ret",
        "me:ret@host/runs",
        "postgres://me:ret@host/runs",
        "me:ret",
        "",
    ],
)
def test_a_wrong_address_is_a_line_that_repeats_nothing_of_it(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        address.read(uri)
    assert "ret" not in str(caught.value).replace("secret", "")
    assert "mysql://USER@HOST:PORT/DATABASE" in str(caught.value)


def test_the_password_is_the_address_s_the_file_s_or_the_variable_s(monkeypatch, tmp_path) -> None:
    plain, file = "mysql://me@host/runs", tmp_path / "pass word?&#"
    file.write_text("of the file %40\n")
    assert address.read(plain).password == ""
    named = address.with_password_file(plain, file)
    monkeypatch.setenv(address.VARIABLE, "of the variable")
    assert address.read(plain).password == "of the variable"
    assert address.read("mysql://me:@host/runs").password == ""
    assert address.read("mysql://me:own@host/runs").password == "own"
    assert address.read(named).password == "of the file %40"
    for uri in ("mysql://me:own@host/runs", named):
        with pytest.raises(UsageError, match="omit one of them"):
            address.with_password_file(uri, file)


@pytest.mark.parametrize(
    "content, told",
    [
        (b"", "holds nothing"),
        (b"\n", "holds nothing"),
        (b"one\ntwo\n", "holds 2 lines"),
        (b"\xff\xfe", "is not UTF-8"),
        (None, "can't be read"),
    ],
)
def test_a_file_that_is_no_password_is_a_line(content, told, tmp_path: Path) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=told) as caught:
        address.read_password(file)
    assert str(file) in str(caught.value) and "one\n" not in str(caught.value)


def test_spaces_belong_to_a_password_and_the_end_of_the_line_does_not(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b" two words \r\n")
    assert address.read_password(tmp_path / "password") == " two words "


@pytest.mark.parametrize("mode, told", [(0o600, None), (0o640, None), (0o644, "0644")])
def test_a_file_that_all_can_read_is_noticed(mode: int, told: str | None, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    (tmp_path / "password").chmod(mode)
    assert address.open_to_all(tmp_path / "password") == told


def test_localhost_is_the_port_and_not_a_socket_file() -> None:
    assert address.read("mysql://me@localhost/runs").place == "127.0.0.1:3306"
    assert address.read("mysql://me@[::1]:7/runs").place == "[::1]:7"
