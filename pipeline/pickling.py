"""Beam's pickler, at a lower price.

After each object that it writes or reads, Beam sets the level of dill's logger, and Python's logging then forgets what
it knows of every logger of the process. With all libraries loaded these are thousands, thousands of times per pipeline:
a sixth of the time of StatisticsGen and Transform on small data.
"""

from __future__ import annotations

import logging


class _Kept(logging.Logger):
    """A logger that does nothing when it is set to the level that it has."""

    def setLevel(self, level: int | str) -> None:  # noqa: N802 - logging's name
        if level != self.level:
            super().setLevel(level)


def keep_levels() -> None:
    """From now on, pickling changes nothing in logging; more calls do nothing more."""
    logging.getLogger("dill").__class__ = _Kept
