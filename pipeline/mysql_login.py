"""Logs in to a MySQL server and leaves again, to say within seconds and in words why ML Metadata could not.

ML Metadata's own client waits without a limit for a server that accepts a connection and says nothing, and its errors
about a connection hold neither number nor text. The protocol is that of MySQL 4.1 and later, which MariaDB shares:
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time
from typing import Any

from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline.address import Address

SECONDS = 4.0
UNKNOWN_DATABASE = 1049
# Long passwords, a database at login, protocol 4.1, its passwords, and named methods of login.
_CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x8000 | 0x80000
_UTF8MB4 = 45
NATIVE = "mysql_native_password"  # all that ML Metadata's client knows
_OK, _SWITCH, _ERROR = 0x00, 0xFE, 0xFF


class Unavailable(PerceiverError):
    """The server can't be used, for the reason that the message gives."""


class Refused(Unavailable):
    """The server said no; `number` is MySQL's."""

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.number = number


def log_in(address: Address, seconds: float = SECONDS) -> None:
    """Logs in, names the database, and leaves.

    Args:
      address: The server, the database and the account.
      seconds: For all of it together.

    Raises:
      Refused: the server refuses the account, or the database.
      Unavailable: nothing answers there, or it is not a MySQL server.
    """
    until = time.monotonic() + seconds
    with _connected(address, until, seconds) as connection:
        try:
            _talk(_Packets(connection, until), address)
        except TimeoutError:
            raise Unavailable(
                f"{address.place} accepts connections, but nothing there answered as a MySQL server within "
                f"{seconds:g} s: the server is stuck, or another program has this port."
            ) from None
        except (OSError, EOFError, struct.error, IndexError, ValueError):
            raise Unavailable(
                f"What listens at {address.place} does not answer as a MySQL server; correct host and port of the "
                "metadata address."
            ) from None


def _talk(packets: _Packets, address: Address) -> None:
    greeting = packets.read()
    if greeting[0] == _ERROR:
        raise _refused(greeting, address)
    if greeting[0] != 10:
        raise ValueError("not protocol 10")
    packets.write(_response(_salt(greeting), address))
    answer = packets.read()
    if answer[0] == _SWITCH:
        method, salt = _switch(answer)
        if method != NATIVE:
            raise Unavailable(
                f"The account {address.user!r} at {address.place} logs in by {method!r}, and ML Metadata knows only "
                f"{NATIVE}; set the account to it (ALTER USER … IDENTIFIED WITH {NATIVE} …)."
            )
        packets.write(_scramble(address.password, salt))
        answer = packets.read()
    if answer[0] == _ERROR:
        raise _refused(answer, address)
    if answer[0] != _OK:
        raise ValueError("neither yes nor no")
    packets.leave()


def _refused(packet: bytes, address: Address) -> Refused:
    (number,) = struct.unpack_from("<H", packet, 1)
    text = packet[3:].decode("utf-8", "replace")
    text = text[6:] if text.startswith("#") else text
    words = {
        1044: f"the account {address.user!r} has no rights in the database {address.database!r}",
        1045: f"it refuses the account {address.user!r}, or its password",
        UNKNOWN_DATABASE: f"it has no database {address.database!r}",
    }
    said = words.get(number, "it refuses the connection")
    return Refused(
        f"The metadata store at {address.place}: {said} ({number}: {text[:160]}).", number
    )


# === Packets ===


class _Packets:
    """Payloads, each with three bytes of length and one that counts before it."""

    def __init__(self, connection: socket.socket, until: float):
        self._connection, self._until, self._number = connection, until, 0

    def read(self) -> bytes:
        head = self._exactly(4)
        self._number = head[3] + 1
        size = int.from_bytes(head[:3], "little")
        if not 0 < size < 65536:  # what is said at login is short
            raise ValueError("not a packet of a login")
        return self._exactly(size)

    def write(self, payload: bytes) -> None:
        head = len(payload).to_bytes(3, "little") + bytes([self._number % 256])
        self._connection.sendall(head + payload)

    def leave(self) -> None:
        """COM_QUIT; a server counts those who leave without a word, and shuts them out."""
        self._number = 0
        self.write(b"\x01")

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            more = self._connection.recv(size - len(found))
            if not more:
                raise EOFError
            found += more
        return found


def _salt(greeting: bytes) -> bytes:
    """20 bytes, in two parts: after the version and the thread, and after the capabilities."""
    first = greeting.index(b"\0", 1) + 1 + 4
    second = first + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10
    salt = greeting[first : first + 8] + greeting[second : second + 12]
    if len(salt) != 20:
        raise ValueError("a salt has 20 bytes")
    return salt


def _response(salt: bytes, address: Address) -> bytes:
    scrambled = _scramble(address.password, salt)
    return b"".join(
        [
            struct.pack("<IIB23x", _CAPABILITIES, 1 << 24, _UTF8MB4),
            address.user.encode() + b"\0",
            bytes([len(scrambled)]) + scrambled,
            address.database.encode() + b"\0",
            NATIVE.encode() + b"\0",
        ]
    )


def _switch(packet: bytes) -> tuple[str, bytes]:
    """(another method of login, its salt); without a name it is the one of before MySQL 4.1."""
    name, _, salt = packet[1:].partition(b"\0")
    return name.decode("ascii", "replace") or "mysql_old_password", salt[:20]


def _scramble(password: str, salt: bytes) -> bytes:
    """SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))): what a server can check that knows the inner two only."""
    if not password:
        return b""
    once = hashlib.sha1(password.encode()).digest()
    mask = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


# === The connection ===


def _connected(address: Address, until: float, seconds: float) -> socket.socket:
    problem = f"does not answer within {seconds:g} s"
    for family, kind, protocol, _, where in _addresses(address, until):
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(max(until - time.monotonic(), 0.01))
        try:
            connection.connect(where)
            return connection
        except OSError as error:
            connection.close()
            if not isinstance(error, TimeoutError):
                problem = f"can't be reached ({(error.strerror or str(error)).lower()})"
    raise Unavailable(
        f"The metadata store at {address.place} {problem}: start the server, or correct host and port of the "
        "metadata address."
    )


def _addresses(address: Address, until: float) -> list[Any]:
    """As `socket.getaddrinfo`, which knows no limit of time."""
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            return

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(until - time.monotonic(), 0.01))
    if not found:
        raise Unavailable(
            f"The metadata store's host {address.host!r} has no address in the network; correct its name."
        )
    return list(found)
