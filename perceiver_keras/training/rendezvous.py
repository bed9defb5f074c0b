"""Where several workers meet before TensorFlow starts in any of them.

A chief's TensorFlow waits without end for a worker that never comes, and meanwhile no other thread of Python runs. So
the chief first listens at its port itself: the others call it, say who they are, and wait for its word. One that is
missing is named; a `TF_CONFIG` that differs, and a number that two have, are refused before anything starts.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterable, Mapping

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.training.cluster import VARIABLE, Cluster

_AGAIN = 0.2  # seconds between two looks
_NAMED = 10.0  # after so many, who is missing is named
_TIMEOUT = 5.0  # for a connection, and for what it says
_LONGEST = 1 << 20  # bytes of a message


def meet(
    cluster: Cluster, seconds: float, say: Callable[[str], None], named: float = _NAMED
) -> dict[str, socket.socket]:
    """Returns when all workers of the cluster have come: {what messages call it: the connection to it}.

    A chief has connections to all others, they to the chief.

    Args:
      cluster: As this worker knows it.
      seconds: How long to wait.
      say: Told who is missing after `named` seconds.

    Raises:
      PerceiverError: not all came in time.
      UsageError: a worker knows another cluster, or two have the same number; told to all who have come.
    """
    if len(cluster.addresses) == 1:
        return {}
    wait = _Wait(seconds, named, say)
    if not cluster.is_chief:
        return {cluster.name(0): _call(cluster, wait)}
    port = int(cluster.addresses[0].rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listener(port))
        listener.settimeout(_AGAIN)
        met: dict[int, socket.socket] = {}
        stack.callback(lambda: [one.close() for one in met.values()])
        while True:
            missing = [n for n in range(1, len(cluster.addresses)) if n not in met]
            if not missing:
                break
            wait.for_(cluster.name(missing[0]), len(missing))
            with contextlib.suppress(OSError, ValueError):
                connection, _ = listener.accept()
                _note(connection, cluster, met)
            for index in [index for index, one in met.items() if _is_closed(one)]:
                met.pop(index).close()  # killed meanwhile; it may come again
        _tell(met, {"go": True})
        stack.pop_all()
        listener.close()
        return {cluster.name(index): one for index, one in met.items()}


class _Wait:
    def __init__(self, seconds: float, named: float, say: Callable[[str], None]):
        self._began, self._seconds, self._named, self._say = time.monotonic(), seconds, named, say
        self._said = False

    def for_(self, name: str, count: int = 1) -> None:
        waited = time.monotonic() - self._began
        if waited > self._seconds:
            raise PerceiverError(
                f"{name[:1].upper()}{name[1:]} was not there within {self._seconds:g} s. Start all workers at about "
                f"the same time, each with its own task index and the same addresses in {VARIABLE}, which the others "
                "must be able to reach."
            )
        if waited > self._named and not self._said:
            self._said = True
            self._say(f"Waiting for {name}{f' and {count - 1} more' if count > 1 else ''} …")


def _listener(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _note(connection: socket.socket, cluster: Cluster, met: dict[int, socket.socket]) -> None:
    """Who called; what is no worker's message is a probe of something else."""
    connection.settimeout(_TIMEOUT)
    try:
        found = _receive(connection)
        index, addresses = int(found["index"]), list(found["addresses"])
    except (OSError, ValueError, KeyError, TypeError):
        connection.close()
        return
    words = ""
    if addresses != list(cluster.addresses):
        words = (
            f"The workers' {VARIABLE} differ: the chief has {', '.join(cluster.addresses)}; worker {index} has "
            f"{', '.join(map(str, addresses))}. Give all the same cluster."
        )
    elif index in met and not _is_closed(met[index]):
        words = f"{VARIABLE}: two processes say that they are worker {index}; give each its own task index."
    if words:
        _tell({**met, -1: connection}, {"refused": words})
        _wait_for_their_end([*met.values(), connection])
        connection.close()
        raise UsageError(words)
    if index in met:
        met.pop(index).close()
    met[index] = connection


def _call(cluster: Cluster, wait: _Wait) -> socket.socket:
    host, _, port = cluster.addresses[0].rpartition(":")
    hello = {"index": cluster.index, "addresses": list(cluster.addresses)}
    while True:
        wait.for_(cluster.name(0))
        with contextlib.ExitStack() as stack:
            try:
                address = (host.strip("[]"), int(port))
                connection = stack.enter_context(socket.create_connection(address, _TIMEOUT))
                _send(connection, hello)
                connection.settimeout(None)
                found = _receive(connection)
            except (OSError, ValueError):
                # Nobody there yet, or what is left of an earlier run.
                time.sleep(_AGAIN)
                continue
            if "refused" in found:
                raise UsageError(str(found["refused"]))
            stack.pop_all()
            return connection


def _tell(met: Mapping[int, socket.socket], message: Mapping[str, object]) -> None:
    for one in met.values():
        with contextlib.suppress(OSError):
            _send(one, message)


def _wait_for_their_end(connections: Iterable[socket.socket]) -> None:
    """Who closes first keeps the port for a while; that must not be the chief, who needs it when it comes again."""
    for one in connections:
        with contextlib.suppress(OSError):
            one.settimeout(1.0)
            one.recv(1)


def _send(connection: socket.socket, message: Mapping[str, object]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket) -> dict[str, object]:
    text = b""
    while not text.endswith(b"\n"):
        part = connection.recv(1 << 16)
        text += part
        if not part or len(text) > _LONGEST:
            raise ValueError("no whole message")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no message")
    return found


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.setblocking(True)
