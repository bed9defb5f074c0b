"""Errors that a user can act on: one line that says what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PerceiverError(Exception):
    """Something failed for a reason that the user can fix. The command line exits with 1."""


class UsageError(PerceiverError):
    """The request itself was wrong: an unknown name, key or value. The command line exits with 2."""


def nearest(name: str, options: Iterable[str]) -> str:
    """A sentence to end an error message: the option closest to `name`, or else a few options; "" without options."""
    options = sorted(options)
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    if close:
        return f" Did you mean {close[0]!r}?"
    if not options:
        return ""
    listed = ", ".join(options[:12]) + (", …" if len(options) > 12 else "")
    return f" Choose one of: {listed}."
