"""A MariaDB server of the tests' own, where Debian's `mariadb-server` is installed: in a folder, on a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb")
PASSWORD = "s@c/r:e%t? #1"  # every character that an address must escape


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """`start`, `kill` and `freeze` it as often as wanted; its databases stay."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        user = ["--user=root"] if os.getuid() == 0 else []
        self._common = ["--no-defaults", f"--datadir={folder / 'data'}", *user]
        install = [_program("mariadb-install-db"), *self._common, "--skip-test-db"]
        method = "--auth-root-authentication-method=normal"
        subprocess.run([*install, method], check=True, capture_output=True)
        self._process: subprocess.Popen | None = None
        self._databases = 0
        self.start()

    def start(self) -> None:
        options = [
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            "--innodb-buffer-pool-size=16M",
        ]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [_program("mariadbd"), *self._common, *options], stdout=log, stderr=log
            )
        until = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    @property
    def pid(self) -> int:
        return self._process.pid

    def sql(self, text: str) -> str:
        client = [_program("mariadb"), "--no-defaults", f"--socket={self.folder / 'socket'}"]
        done = subprocess.run(
            [*client, "-uroot", "-N", "-e", text], capture_output=True, text=True, check=True
        )
        return done.stdout

    def account(self, name: str, rights: str = "", how: str = f"BY '{PASSWORD}'") -> None:
        self.sql(f"CREATE USER '{name}'@'%' IDENTIFIED {how}")
        if rights:
            self.sql(f"GRANT {rights} TO '{name}'@'%'")

    def database(self) -> str:
        """The address of a new, empty database, with an account that may do everything in it."""
        self._databases += 1
        name = f"runs{self._databases}"
        self.sql(f"CREATE DATABASE {name}")
        self.account(name, f"ALL ON {name}.*")
        return self.address(name, name)

    def address(self, user: str, database: str, password: str = PASSWORD) -> str:
        return f"mysql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            return self.sql("SELECT 1") == "1\n"
        except subprocess.CalledProcessError:
            return False


def server(folder: Path) -> Iterator[Server]:
    """The body of a fixture."""
    missing = [name for name in PROGRAMS if _program(name) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed; `apt-get install mariadb-server` has it")
    found = Server(folder)
    yield found
    found.kill()
