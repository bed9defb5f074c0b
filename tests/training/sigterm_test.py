"""SIGTERM, sent to this process."""

from __future__ import annotations

import os
import signal
import threading

from perceiver_keras.training.sigterm import TERMINATED, sigterm


def test_sigterm_sets_an_event_and_the_handler_before_comes_back():
    before = signal.getsignal(signal.SIGTERM)
    with sigterm() as asked:
        assert not asked.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.wait(5)
    assert signal.getsignal(signal.SIGTERM) == before
    assert TERMINATED == 128 + signal.SIGTERM


def test_another_thread_leaves_the_handlers_alone():
    found = []

    def run():
        with sigterm() as asked:
            found.append((signal.getsignal(signal.SIGTERM), asked.is_set()))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [(before, False)]
