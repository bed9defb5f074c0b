"""Real sockets and a real process that is killed."""

from __future__ import annotations

import queue
import signal
import socket
import subprocess
import sys
import time

from perceiver_keras.training.watch import Watch, words

SERVER = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
held = []
while True:
    connection, _ = server.accept()
    connection.sendall(b"hello")
    held.append(connection)
"""


def server() -> tuple[subprocess.Popen, str]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    return process, f"127.0.0.1:{process.stdout.readline().strip()}"


def test_a_killed_process_is_named_within_a_second():
    told, left = queue.Queue(), queue.Queue()
    (one, first), (two, second) = server(), server()
    watch = Watch({"worker 1": first, "worker 2": second}, told.put, left.put, patience=0.3)
    try:
        watch.settle()
        assert watch.gone(0.5) is None
        two.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        assert watch.gone(10) == words("worker 2") == told.get(timeout=10)
        assert time.monotonic() - killed < 5
        assert left.get(timeout=10) == words("worker 2")
        assert "Worker 2 is gone" in words("worker 2")
    finally:
        watch.stop()
        for process in (one, two):
            process.kill()
            process.wait()
            process.stdout.close()


def test_one_that_has_not_started_is_waited_for_and_may_leave_after_the_end():
    left = queue.Queue()
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
    watch = Watch({"worker 1": address}, leave=left.put, patience=0)
    watch.settle()
    assert watch.gone(0.5) is None
    with socket.create_server(("127.0.0.1", int(address.split(":")[1]))) as late:
        connection, _ = late.accept()
        connection.close()  # an idle connection may be closed; another one is made
        again, _ = late.accept()
        watch.stop()
    again.close()
    assert watch.gone(0.8) is None and left.empty()


def test_nobody_to_watch_costs_nothing():
    watch = Watch({})
    assert watch.gone() is None
    watch.stop()
