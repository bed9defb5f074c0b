"""The size of what Beam's worker caches, without a look at every module of the process.

Before Beam sizes a value, such as a side input, it collects the globals of all modules, to leave them out; with all
libraries loaded that is most of the work. Modules, classes and functions are left out anyway.
"""

from __future__ import annotations

from typing import Any

import objsize
from apache_beam.runners.worker import statecache


def deep_size(*values: Any) -> int:
    """Bytes of all that the values hold, but for modules, classes and functions."""
    return objsize.get_deep_size(
        *values,
        get_size_func=statecache._size_func,
        get_referents_func=statecache._get_referents_func,
        filter_func=statecache._filter_func,
        exclude_modules_globals=False,
    )


def count_values_alone() -> None:
    """From now on, Beam's workers in this process size values so; more calls do nothing more."""
    statecache.get_deep_size = deep_size
