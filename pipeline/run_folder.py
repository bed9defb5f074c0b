"""A run folder allows one run at a time, and keeps what the libraries log in a file."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import portalocker
from absl import logging as absl_logging

from perceiver_keras.components.model import facts
from perceiver_keras.errors import PerceiverError

MARKER = "unfinished.json"  # of the run that is at work or was killed


def stopped_run(run_dir: Path) -> tuple[str, str] | None:
    """(id, digest of the settings) of the run that was stopped; None if none was, or a damaged mark does not tell."""
    found = facts.read(run_dir / MARKER)
    told = found.get("run_id"), found.get("digest")
    return told if all(told) and all(isinstance(one, str) for one in told) else None


@contextlib.contextmanager
def only_one_run(run_dir: Path, *, shared: bool = False) -> Iterator[None]:
    """Holds the lock of the folder; the system releases it when the process dies, even if it is killed.

    Args:
      run_dir: The folder.
      shared: With the other processes of the same run, each of which must ask for this.

    Raises:
      PerceiverError: another process holds it; the message names that process.
    """
    path = run_dir / "run.lock"
    kind = portalocker.LOCK_SH if shared else portalocker.LOCK_EX
    with path.open("a+") as file:
        try:
            portalocker.lock(file, kind | portalocker.LOCK_NB)
        except portalocker.LockException:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise PerceiverError(
                f"Another run (process {holder}) is using {run_dir}; "
                "wait for it, stop it, or choose another --run-dir."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.contextmanager
def logs_to(path: Path, *, also_before: bool = False) -> Iterator[None]:
    """Sends all Python logging to a file instead of the terminal, and undoes that afterwards.

    Args:
      path: The file, to which it is appended.
      also_before: Whether it still goes where it went before, too.
    """
    root = logging.getLogger()
    old_handlers, old_level = root.handlers[:], root.level
    old_absl = absl_logging.get_verbosity()
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.handlers[:] = [*(old_handlers if also_before else ()), handler]
    absl_logging.set_verbosity(absl_logging.INFO)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    except BaseException:
        root.exception("The run stopped.")
        raise
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = old_handlers
        root.setLevel(old_level)
        absl_logging.set_verbosity(old_absl)
        handler.close()
