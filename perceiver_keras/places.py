"""Folders with odd names: TensorFlow takes some paths for patterns, so that it misses files or deletes others'.

Restoring a checkpoint or a SavedModel, and removing old checkpoints, look for `PATH.index` as a pattern. In a folder
called `run[1]`, a whole checkpoint is not found; in one called `run*`, the old checkpoints of its neighbours go.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import tempfile

from perceiver_keras.errors import PerceiverError

_SPECIAL = re.compile(r"[\[*?\\]")


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether TensorFlow may read the path as a pattern."""
    return bool(_SPECIAL.search(os.fspath(path)))


def literal(folder: str | os.PathLike[str]) -> str:
    """A path to the same folder that is no pattern: the path itself, or a link to it that lasts as long as the process.

    Raises:
      PerceiverError: there is no folder for temporary files whose own name is no pattern.
    """
    path = os.fspath(folder)
    return _link(os.path.abspath(path)) if is_pattern(path) else path


@functools.cache
def _link(folder: str) -> str:
    places = [
        place for place in (tempfile.gettempdir(), "/tmp", "/var/tmp") if os.path.isdir(place)
    ]
    place = next((place for place in places if not is_pattern(place)), None)
    if place is None:
        raise PerceiverError(
            f"{folder} has a name that TensorFlow takes for a pattern, and so has the folder for temporary files, "
            f"{places[0]}. Rename one of them, or set TMPDIR."
        )
    made = tempfile.mkdtemp(prefix="perceiver_link_", dir=place)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    link = os.path.join(made, "folder")
    os.symlink(folder, link)
    return link
