"""Training state that survives a kill: our own rules on top of `tf.train.CheckpointManager`.

Keras's BackupAndRestore keeps one checkpoint, forgets its place in the data and fails at the first damaged file. Here,
a checkpoint holds the whole run (weights, optimizer, average, metrics, the data's iterator, history, best value),
several are kept, and the newest undamaged one is used. TensorFlow's own list, the file `checkpoint`, is never trusted:
it is rebuilt from the files in the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.errors import PerceiverError, first_line
from perceiver_keras.places import literal
from perceiver_keras.remote import check, is_remote

_PREFIX = "ckpt"
_INDEX = re.compile(rf"^{_PREFIX}-(\d+)\.index$")
_PART = re.compile(rf"^{_PREFIX}-(\d+)\.(index|data-\d+-of-\d+)$")
_LEFTOVER = re.compile(rf"^({_PREFIX}-\d+_temp|{_PREFIX}-\d+\..*tempstate.*|checkpoint\.tmp.*)$")
_DAMAGE = (tf.errors.OpError, IndexError, KeyError, ValueError)
_FORBIDDEN = (tf.errors.PermissionDeniedError, PermissionError)


class Record(tf.train.experimental.PythonState):
    """What is not a tensor, as JSON inside the checkpoint, so that it is never newer or older than the weights."""

    def __init__(self, **values: Any):
        self.values = values

    def serialize(self) -> str:
        return json.dumps(self.values, sort_keys=True)

    def deserialize(self, string_value: str | bytes) -> None:
        self.values = json.loads(string_value)


class Checkpoints:
    """The checkpoints of one run in one folder.

    Args:
      folder: The same after a restart of the run; created if missing.
      parts: What to save, by name: trackable TensorFlow objects.
      settings: JSON values that must be the same when a run continues, such as those of the model and the optimizer.
      keep: How many checkpoints to keep.
      writes: False in workers other than the chief, which writes for all.
      say: Called with messages for the user.

    Raises:
      PerceiverError: the folder is not writable.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        parts: Mapping[str, Any],
        *,
        settings: Mapping[str, Any],
        keep: int = 3,
        writes: bool = True,
        say: Callable[[str], None] = print,
    ):
        self.folder = os.fspath(folder)
        self._say = say
        self._settings = json.loads(json.dumps(settings))
        self._record = Record(settings=self._settings)
        self._checkpoint = tf.train.Checkpoint(record=self._record, **parts)
        self._writes = writes
        if writes:
            with _readable_errors(self.folder):
                tf.io.gfile.makedirs(self.folder)
                self._remove_leftovers()
        self._keep = keep
        self._plain = literal(self.folder)
        self._manager: tf.train.CheckpointManager | None = None
        self._scratch: tempfile.TemporaryDirectory | None = None

    @property
    def latest(self) -> str | None:
        """The path of the newest checkpoint without its suffix, or None."""
        steps = self.steps()
        return self._path(steps[-1]) if steps else None

    def steps(self) -> list[int]:
        """The steps that have an index file, ascending; the folder is listed at every call."""
        return _steps(self.folder)

    def save(self, step: int) -> str:
        """Writes a checkpoint, removes the oldest beyond `keep`, and returns the new one's path.

        A kill at any moment leaves either no `ckpt-STEP.index`, or one that `restore` recognizes as damaged, or a
        complete checkpoint: TensorFlow writes data files under temporary names, renames them, and writes the index
        last.

        Raises:
          PerceiverError: the disk is full or the folder read-only.
        """
        with _readable_errors(self.folder):
            if self._manager is None:
                self._manager = self._make_manager()
            self._manager.save(checkpoint_number=step)
            return self._path(step)

    def restore(self) -> int | None:
        """Restores the parts from the newest undamaged checkpoint and returns its step; None if there is none.

        Damaged checkpoints are reported and renamed to `damaged-…`; then the one before is tried.

        Raises:
          PerceiverError: the checkpoint may not be read, was made with other settings, or does not fit the parts.
        """
        self._manager = None  # a new one will not count the files renamed here
        tried = self.steps()[::-1]
        for step in tried:
            path = self._path(step)
            try:
                settings = _read(self._path(step, self._plain))
            except _FORBIDDEN as error:
                raise PerceiverError(
                    f"{path}: no permission to read it ({first_line(error)})."
                ) from None
            except _DAMAGE as error:
                self._say(f"Checkpoint {path} is damaged ({first_line(error)}); set aside.")
                self._set_aside(step)
                continue
            _compare(settings, self._settings, path)
            self._fill(step)
            if step != tried[0]:
                self._say(f"Went back to the checkpoint of step {step}.")
            return step
        if tried:
            self._say(f"No checkpoint in {self.folder} could be read: training starts from step 0.")
        return None

    def _fill(self, step: int) -> None:
        try:
            # Every object here must be found in the file: `restore` alone is silent about what it lacks.
            self._checkpoint.restore(
                self._path(step, self._plain)
            ).assert_existing_objects_matched()
        except (AssertionError, *_DAMAGE) as error:
            raise PerceiverError(
                f"{self._path(step)}: is whole, but not of this model and optimizer ({first_line(error)}). "
                "Name another folder (--run-dir), or use the configuration that made it."
            ) from error
        # Settings that may change, such as the number of steps, are the present ones.
        self._record.values = {"settings": self._settings}

    def _path(self, step: int, folder: str | None = None) -> str:
        return os.path.join(folder or self.folder, f"{_PREFIX}-{step}")

    def _set_aside(self, step: int) -> None:
        if not self._writes:
            return
        for name in tf.io.gfile.listdir(self.folder):
            if (m := _PART.match(name)) and int(m[1]) == step:
                source = os.path.join(self.folder, name)
                target = os.path.join(self.folder, f"damaged-{name}")
                tf.io.gfile.rename(source, target, overwrite=True)

    def _remove_leftovers(self) -> None:
        """Removes what killed saves and deletions left: temporary files, data without an index."""
        names = [name.rstrip("/") for name in tf.io.gfile.listdir(self.folder)]
        steps = set(self.steps())
        for name in names:
            part = _PART.match(name)
            path = os.path.join(self.folder, name)
            if _LEFTOVER.match(name) and tf.io.gfile.isdir(path):
                tf.io.gfile.rmtree(path)
            elif _LEFTOVER.match(name) or (part and int(part[1]) not in steps):
                tf.io.gfile.remove(path)

    def _make_manager(self) -> tf.train.CheckpointManager:
        if not self._writes:
            # All workers must take part in a save; what this one writes is discarded.
            self._scratch = tempfile.TemporaryDirectory(prefix="perceiver_worker_")
            return tf.train.CheckpointManager(self._checkpoint, self._scratch.name, max_to_keep=1)
        self._write_state_file()
        return tf.train.CheckpointManager(
            self._checkpoint, self._plain, max_to_keep=self._keep, checkpoint_name=_PREFIX
        )

    def _write_state_file(self) -> None:
        """Rebuilds TensorFlow's checkpoint list from the folder.

        CheckpointManager fails on an empty list, and only deletes entries whose timestamp is later than the last
        preserved one.
        """
        paths = [self._path(step, self._plain) for step in self.steps()]
        state = os.path.join(self.folder, "checkpoint")
        if paths:
            tf.compat.v1.train.update_checkpoint_state(
                self._plain,
                paths[-1],
                paths,
                all_model_checkpoint_timestamps=[float(i) for i in range(1, len(paths) + 1)],
                last_preserved_timestamp=0.0,
            )
        elif tf.io.gfile.exists(state):
            tf.io.gfile.remove(state)


def check_settings(folder: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
    """Finds in a moment what `Checkpoints.restore` would refuse once the data is read and the model made.

    Raises:
      PerceiverError: the newest checkpoint that can be read was made with other settings.
    """
    folder = os.fspath(folder)
    with contextlib.suppress(*_FORBIDDEN, *_DAMAGE, OSError):  # which `restore` tells
        for step in _steps(folder)[::-1]:
            name = f"{_PREFIX}-{step}"
            with contextlib.suppress(*_DAMAGE):
                old = _read(os.path.join(literal(folder), name), only_settings=True)
                _compare(old, json.loads(json.dumps(settings)), os.path.join(folder, name))
                return


def _steps(folder: str) -> list[int]:
    names = tf.io.gfile.listdir(folder) if tf.io.gfile.isdir(folder) else []
    return sorted(int(m[1]) for name in names if (m := _INDEX.match(name)))


def _compare(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> None:
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise PerceiverError(
                f"{path}: was made with {key}={old.get(key)!r}, but now it is {new.get(key)!r}. "
                "Name another folder (--run-dir), or set it back."
            )


def _read(path: str, only_settings: bool = False) -> Mapping[str, Any]:
    """The settings. Reads every tensor, which checks its CRC, unless only they are wanted; changes no variable."""
    # `tf.train.load_checkpoint` asks first whether the path is a folder; to some file systems each prefix is one.
    reader = tf.compat.v1.train.NewCheckpointReader(path)
    settings = None
    for key, dtype in reader.get_variable_to_dtype_map().items():
        is_record = key.startswith("record/")
        if only_settings and not is_record:
            continue
        value = tf.raw_ops.RestoreV2(
            prefix=path, tensor_names=[key], shape_and_slices=[""], dtypes=[dtype]
        )[0]
        if is_record:
            settings = json.loads(value.numpy())["settings"]
    if settings is None:
        raise ValueError("it was not written by this library")
    return settings


@contextlib.contextmanager
def lock(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Allows one run at a time in a folder; the lock of a killed process disappears with it.

    Raises:
      PerceiverError: another process holds the lock, or the folder is not writable.
    """
    folder = os.fspath(folder)
    if is_remote(folder):  # object stores have no locks; whoever starts the runs must ensure it
        check(folder, writes=True)
        yield
        return
    with _readable_errors(folder):
        os.makedirs(folder, exist_ok=True)
        handle = open(os.path.join(folder, "lock"), "a")  # noqa: SIM115 - held to the end of the run
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PerceiverError(
                f"{folder}: another process is training here. Wait for it, or use another folder."
            ) from None
        except OSError:
            pass  # a file system without locks
        yield


@contextlib.contextmanager
def _readable_errors(folder: str) -> Iterator[None]:
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise PerceiverError(
            f"{folder}: can't write the training state ({first_line(error)}). "
            "Check that the folder may be written and the disk has room; a rerun goes on from the last checkpoint."
        ) from error
