"""The address of a metadata store on a MySQL server, and its password, which is shown and written nowhere.

Everything passes the address on as text; the password is looked up where a connection is made. So an address without
one is all that a process list, a log or a traceback can hold.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from perceiver_keras.errors import UsageError

FORM = "mysql://USER@HOST:PORT/DATABASE"
VARIABLE = "PERCEIVER_METADATA_PASSWORD"
PASSWORD_FILE = "password_file"  # the one parameter that an address may have
PORT = 3306
ADVICE = (
    f"write {FORM}, with the password in {VARIABLE} or in the file that --metadata-password-file names, or omit it "
    "for SQLite"
)


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a store is, and as whom to ask. `password` is "" for an account without one."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)

    @property
    def place(self) -> str:
        """HOST:PORT."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read(uri: str) -> Address:
    """The parts of "mysql://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?password_file=PATH]", all of them unquoted.

    The password is the address's own, or the content of the file, or that of the environment's variable.

    Raises:
      UsageError: it is no such address, or the password can't be read. The message does not repeat the address: where
        the parts are wrong, any of them may be the password.
    """
    parts = _split(uri)
    try:
        user, password, host, database = (
            unquote(part or "", errors="strict")
            for part in (parts.username, parts.password, parts.hostname, parts.path[1:])
        )
        port = parts.port or PORT
    except ValueError:  # its message may quote the password
        raise UsageError(
            f"The metadata address has no valid port, or a %-escape that is not UTF-8: {ADVICE}. "
            "In an address, the characters @ : / ? # % of a password are written as %40 %3A %2F %3F %23 %25."
        ) from None
    missing = [
        name
        for name, part in (("USER", user), ("HOST", host), ("DATABASE", database))
        if not part or (name == "DATABASE" and "/" in part)
    ]
    if missing or parts.fragment:
        what = f"names no valid {' and no '.join(missing)}" if missing else "has a #"
        raise UsageError(
            f"The metadata address {what}: {ADVICE}. "
            "In an address, the characters @ : / ? # % of a password are written as %40 %3A %2F %3F %23 %25."
        )
    file = _parameters(parts).get(PASSWORD_FILE)
    if file is not None:
        password = read_password(Path(file))
    elif parts.password is None:
        password = os.environ.get(VARIABLE, "")
    # By this name MySQL's library means a socket file, whatever the port.
    host = "127.0.0.1" if host == "localhost" else host
    return Address(host=host, port=port, database=database, user=user, password=password)


def has_password(uri: str) -> bool:
    """Whether the address itself holds one."""
    return _split(uri).password is not None


def with_password_file(uri: str, file: Path) -> str:
    """The address, naming a file that holds the password.

    Raises:
      UsageError: it has a password already.
    """
    if has_password(uri) or PASSWORD_FILE in _parameters(_split(uri)):
        raise UsageError(
            "--metadata holds a password and --metadata-password-file names another; "
            f"omit one of them: --metadata {FORM}."
        )
    return f"{uri}?{PASSWORD_FILE}={quote(str(Path(file).expanduser().absolute()))}"


def read_password(file: Path) -> str:
    """The one line of a file, without the line's end.

    Raises:
      UsageError: it can't be read, or holds no line or several.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"The password file {file} is not UTF-8 text.") from None
    except OSError as error:
        raise UsageError(
            f"The password file {file} can't be read ({error.strerror}); name a file with one line."
        ) from None
    lines = text.splitlines()
    if len(lines) != 1 or not lines[0]:
        found = f"{len(lines):,} lines" if any(lines) else "nothing"
        raise UsageError(
            f"The password file {file} holds {found}; it must be one line, the password."
        )
    return lines[0]


def open_to_all(file: Path) -> str | None:
    """The permissions of a file that other users may read, as in "0644"; None for one that they may not."""
    try:
        mode = file.stat().st_mode & 0o777
    except OSError:
        return None
    return f"{mode:04o}" if mode & 0o004 else None


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
    except ValueError:  # as in [ without ]
        parts = SplitResult("", "", "", "", "")
    if parts.scheme != "mysql":
        kind = f" but a {parts.scheme!r} one" if "://" in uri and parts.scheme.isalnum() else ""
        raise UsageError(f"The metadata address is not a MySQL address{kind}; {ADVICE}.")
    return parts


def _parameters(parts: SplitResult) -> dict[str, str]:
    found = dict(parse_qsl(parts.query, keep_blank_values=True))
    if found.keys() - {PASSWORD_FILE} or (parts.query and not found):
        raise UsageError(
            f"The metadata address has a ? with something else than {PASSWORD_FILE}=PATH after it: {ADVICE}. "
            "A ? in a password is written as %3F."
        )
    return found
