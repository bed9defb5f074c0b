"""Workers that meet, are missing, disagree, or are killed while they wait: real sockets, a thread for each worker."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Sequence

import pytest

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.training.cluster import VARIABLE, Cluster, from_environment, to_text
from perceiver_keras.training.rendezvous import meet


@pytest.fixture
def addresses() -> list[str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    found = [f"127.0.0.1:{one.getsockname()[1]}" for one in held]
    for one in held:
        one.close()
    return found


def cluster(addresses: Sequence[str], index: int) -> Cluster:
    return from_environment({VARIABLE: to_text(addresses, index)})


class Coming(threading.Thread):
    """A worker, and how its meeting ends: None, or the error."""

    def __init__(self, addresses: Sequence[str], index: int, seconds: float = 20):
        super().__init__(daemon=True)
        self._given, self.said = (cluster(addresses, index), seconds), queue.Queue()
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            meet(*self._given, self.said.put, named=0.3)
        except Exception as error:
            self.error = error

    def ended(self) -> Exception | None:
        self.join(15)
        assert not self.is_alive()
        return self.error


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_all_go_on_when_the_last_has_come_and_the_chief_s_port_is_free(addresses, order):
    coming = [Coming(addresses, index) for index in order[:2]]
    for one in coming:
        one.join(0.3)
        assert one.is_alive()
    coming.append(Coming(addresses, order[2]))
    assert [one.ended() for one in coming] == [None] * 3
    with socket.create_server(("127.0.0.1", int(addresses[0].split(":")[1]))):
        pass


def test_who_is_missing_is_named_and_after_a_while_given_up(addresses):
    chief, other = Coming(addresses, 0, seconds=1.5), Coming(addresses, 1, seconds=3)
    assert chief.said.get(timeout=5).startswith("Waiting for worker ")
    error = chief.ended()
    assert isinstance(error, PerceiverError)
    assert str(error).startswith(f"Worker 2 at {addresses[2]} was not there within 1.5 s.")
    alone = Coming(addresses, 1, seconds=1)
    words = f"Worker 0 (the chief) at {addresses[0]} was not there within 1 s."
    assert str(alone.ended()).startswith(words)
    assert alone.said.get(timeout=5) == f"Waiting for worker 0 (the chief) at {addresses[0]} …"
    assert "was not there within 3 s" in str(other.ended()), "it called again after the chief left"


def test_another_cluster_and_a_number_twice_are_refused_for_all(addresses):
    # The second may come when the first chief has gone: it gives up before it is asked.
    chief, one = Coming(addresses, 0), Coming(addresses, 1, seconds=5)
    other = Coming(addresses[:2], 1)
    for error in (chief.ended(), other.ended()):
        assert isinstance(error, UsageError) and "worker 1 has" in str(error)
    coming = [Coming(addresses, index) for index in (0, 1, 1)]
    one.ended()
    errors = {str(worker.ended()) for worker in coming[:1]}
    assert any("two processes say that they are worker 1" in text for text in errors)


def test_one_that_is_killed_while_it_waits_may_come_again_and_probes_do_not_count(addresses):
    chief = Coming(addresses, 0)
    host, port = addresses[0].split(":")
    for content in (b"", b"GET / HTTP/1.1\r\n\r\n", b"[1]\n", b'{"index": "x"}\n'):
        while True:
            try:
                probe = socket.create_connection((host, int(port)), 5)
                break
            except ConnectionRefusedError:
                continue
        probe.sendall(content)
        probe.close()
    first = socket.create_connection((host, int(port)), 5)
    text = f'{{"index": 1, "addresses": {addresses}}}\n'.replace("'", '"')
    first.sendall(text.encode())
    first.close()
    coming = [chief, Coming(addresses, 1), Coming(addresses, 2)]
    assert [one.ended() for one in coming] == [None] * 3


def test_one_worker_meets_nobody():
    meet(cluster(["127.0.0.1:1"], 0), 0, print)
