"""A server that can't be used is named within seconds; the real one accepts and refuses as it does every client."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.pipeline import address, mysql_login
from tests.mariadb import PASSWORD, Server, free_port

HELLO = b"5.5.5-10.11\0" + bytes(4) + b"s" * 8 + bytes(1 + 2 + 1 + 2 + 2 + 1 + 10) + b"t" * 13


@contextlib.contextmanager
def listening(says: bytes, closes: bool = False) -> Iterator[int]:
    """A port that greets every connection with the same bytes, and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        kept = []

        def greet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    guest = door.accept()[0]
                    guest.sendall(says)
                    guest.close() if closes else kept.append(guest)

        threading.Thread(target=greet, daemon=True).start()
        yield door.getsockname()[1]
        for guest in kept:
            guest.close()


def refusal(port: int, seconds: float = 0.3) -> str:
    started = time.monotonic()
    with pytest.raises(mysql_login.Unavailable) as caught:
        mysql_login.log_in(address.read(f"mysql://me:hush@127.0.0.1:{port}/runs"), seconds)
    assert time.monotonic() - started < seconds + 10
    message = str(caught.value)
    assert f"127.0.0.1:{port}" in message and "hush" not in message and "\n" not in message
    return message


def packet(payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + b"\0" + payload


def test_a_closed_port_is_unreachable() -> None:
    assert "connection refused" in refusal(free_port())


@pytest.mark.parametrize("says", [b"", b"\x4a\0", packet(b"\x0a" + HELLO)])
def test_a_port_that_falls_silent_is_not_waited_for(says: bytes) -> None:
    with listening(says) as port:
        assert "within 0.3 s" in refusal(port)


@pytest.mark.parametrize(
    "says",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        packet(b"\x0aabc"),
        packet(b"\x09" + HELLO),
        bytes(40),
        b"\xff" * 40,
    ],
)
def test_another_kind_of_server_is_recognized(says: bytes) -> None:
    with listening(says, closes=True) as port:
        assert "does not answer as a MySQL server" in refusal(port, 10)


def test_a_server_that_has_no_room_says_so_itself() -> None:
    with listening(packet(b"\xff\x10\x04Too many connections")) as port:
        assert "it refuses the connection (1040: Too many connections)" in refusal(port, 10)


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(mysql_login.Unavailable, match="host 'no.such.host.invalid' has no address"):
        mysql_login.log_in(address.read("mysql://me@no.such.host.invalid/runs"))


@given(
    st.text(min_size=1).filter(lambda text: text.isprintable()), st.binary(min_size=20, max_size=20)
)
def test_a_server_that_knows_the_double_hash_can_check_the_answer(
    password: str, salt: bytes
) -> None:
    stored = hashlib.sha1(hashlib.sha1(password.encode()).digest()).digest()
    mask = hashlib.sha1(salt + stored).digest()
    once = bytes(a ^ b for a, b in zip(mysql_login._scramble(password, salt), mask, strict=True))
    assert hashlib.sha1(once).digest() == stored


# === A real server ===


def test_the_account_is_let_in_and_leaves_properly(mariadb: Server) -> None:
    uri = mariadb.database()
    lost = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Aborted_connects', 'Aborted_clients')"
    before = mariadb.sql(lost)
    mysql_login.log_in(address.read(uri))
    mariadb.account("nopassword", f"ALL ON {uri.rpartition('/')[2]}.*", "BY ''")
    mysql_login.log_in(address.read(mariadb.address("nopassword", uri.rpartition("/")[2], "")))
    assert mariadb.sql(lost) == before


@pytest.mark.parametrize(
    "user, password, database, told",
    [
        ("wrong", "bad", "mysql", "it refuses the account 'wrong', or its password (1045"),
        ("stranger", "bad", "mysql", "it refuses the account 'stranger', or its password (1045"),
        ("wrong", PASSWORD, "mysql", "account 'wrong' has no rights in the database 'mysql' (1044"),
        ("root", "", "nowhere", "it has no database 'nowhere' (1049"),
        ("modern", PASSWORD, "mysql", "'modern' at 127.0.0.1:PORT logs in by 'client_ed25519'"),
    ],
)
def test_each_refusal_has_its_words(user, password, database, told, mariadb: Server) -> None:
    known = mariadb.sql("SELECT user FROM mysql.user").split()
    if "wrong" not in known:
        mariadb.account("wrong")
        mariadb.sql("INSTALL SONAME 'auth_ed25519'")
        mariadb.account("modern", how=f"VIA ed25519 USING PASSWORD('{PASSWORD}')")
    with pytest.raises(mysql_login.Unavailable) as caught:
        mysql_login.log_in(address.read(mariadb.address(user, database, password)))
    assert told.replace("PORT", str(mariadb.port)) in str(caught.value)
    assert f"127.0.0.1:{mariadb.port}" in str(caught.value)


def test_a_server_that_is_stuck_is_not_waited_for(mariadb: Server) -> None:
    uri = mariadb.database()
    mariadb.freeze()
    try:
        with pytest.raises(mysql_login.Unavailable, match="within 0.3 s"):
            mysql_login.log_in(address.read(uri), 0.3)
    finally:
        mariadb.thaw()
