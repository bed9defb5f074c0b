"""Beam pickles as before, and the loggers of the process keep what they know."""

from __future__ import annotations

import logging

from apache_beam.internal import pickler

from perceiver_keras.pipeline.pickling import keep_levels


def test_pickling_leaves_what_loggers_know() -> None:
    keep_levels()
    other = logging.getLogger("tests.pickling")
    pickler.loads(pickler.dumps(len))  # the first sets the level
    assert not other.isEnabledFor(logging.DEBUG)
    known = dict(other._cache)
    assert known
    assert pickler.loads(pickler.dumps(lambda number: number + 1))(2) == 3
    assert other._cache == known


def test_another_level_is_set_and_told_to_all() -> None:
    keep_levels()
    keep_levels()
    log = logging.getLogger("dill")
    before = log.level
    try:
        for level in (logging.ERROR, logging.INFO, "ERROR"):
            log.setLevel(level)
            assert log.isEnabledFor(logging.ERROR)
            assert log.isEnabledFor(logging.INFO) == (level == logging.INFO)
    finally:
        log.setLevel(before)
