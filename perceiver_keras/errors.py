"""Errors that a user can act on: one line that says what is wrong and what to do."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable


class PerceiverError(Exception):
    """Something failed for a reason that the user can fix. The command line exits with 1."""

    # Keras and AutoGraph (in `fit`) would wrap it into a page about what they passed, at every layer that it leaves.
    _keras_call_info_injected = True
    ag_pass_through = True


class UsageError(PerceiverError):
    """The request itself was wrong: an unknown name, key or value. The command line exits with 2."""


# Of TensorFlow, HDF5, Beam, SQLite and NumPy, which know the reason only as text.
_FULL = re.compile(
    r"No space left on device|Disk quota exceeded|database or disk is full|\d+ requested and \d+ written"
)
_FULL_PLACE = re.compile(
    rf"(?:^|}}}} )(/[^;\n]+|\w[\w+.-]*://[^;\n]+); (?:{_FULL.pattern})|filename = '([^']+)'"
)


def is_disk_full(error: BaseException) -> bool:
    """Whether the error says that a disk or a quota is full, in whichever library's words."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return bool(_FULL.search(getattr(error, "message", None) or str(error)))


def full_place(error: BaseException) -> str | None:
    """The file for which there was no space, if a disk was full and the error names it."""
    if not is_disk_full(error):
        return None
    if getattr(error, "filename", None):
        return str(error.filename)
    found = _FULL_PLACE.search(getattr(error, "message", None) or str(error))
    return found and (found[1] or found[2])


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, at most 300 characters, without TensorFlow's notes on graph nodes."""
    if is_disk_full(error):
        return "no space left on the disk"  # the reason comes last, after a path that may be long
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in text.splitlines()]
    notes = ("Graph execution error", "Detected at", "<stack traces", 'File "', "in user code")
    telling = [line for line in lines if line and not line.startswith(notes)]
    if not telling:
        return type(error).__name__
    return telling[0].split("}} ")[-1].split(" [Op:")[0][:300]


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
