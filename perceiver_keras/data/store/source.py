"""From the name of a TFDS data set to its records: opening, preparing, fingerprint, labels.

Our data sets and those of TFDS's catalogue are used alike: `open_builder(name)`, `builder_records(builder, split)`,
then `train_batches` or `eval_batches`.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib
import io
import json
import logging
import os
import pkgutil
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf import json_format

from perceiver_keras.data import builders
from perceiver_keras.data.store import data_folders, left_out
from perceiver_keras.data.store.batches import eval_batches, train_batches
from perceiver_keras.data.store.files_builder import FilesBuilder
from perceiver_keras.data.store.mixture import Mixture, is_mixture
from perceiver_keras.data.store.records import (
    Records,
    Shard,
    builder_records,
    explain,
    file_records,
    serialized_examples,
    stored_as_tfrecord,
    take,
)
from perceiver_keras.errors import PerceiverError, UsageError, first_line, nearest
from perceiver_keras.files import has_room
from perceiver_keras.remote import as_path, check, for_tfds, is_remote, upload

__all__ = [
    "Records",
    "Shard",
    "builder_records",
    "data_folder",
    "embedded_names",
    "eval_batches",
    "explain",
    "file_records",
    "fingerprint",
    "label_names",
    "open_builder",
    "serialized_examples",
    "take",
    "train_batches",
]

_log = logging.getLogger(__name__)
OWN = "own_data/"  # data sets made of the user's files: own_data/KIND-DIGEST
_FULL_HASH_LIMIT = 1 << 30  # bytes of a data set up to which every byte is hashed
_MIB = 1 << 20


def embedded_names() -> list[str]:
    """The data sets that come with this package; each is a folder in `data/builders/`."""
    return sorted(item.name for item in pkgutil.iter_modules(builders.__path__) if item.ispkg)


def data_folder(data_dir: str | None = None) -> str:
    """Where data sets are: the argument, else PERCEIVER_DATA_DIR, else TFDS_DATA_DIR, else TFDS's default.

    Raises:
      UsageError: it is a URL that can't be read here.
    """
    for folder in (
        data_dir,
        os.environ.get("PERCEIVER_DATA_DIR"),
        os.environ.get("TFDS_DATA_DIR"),
    ):
        if folder and is_remote(folder):
            return _reached(folder)
        if folder:
            return os.path.expanduser(folder)
    return os.path.expanduser(os.path.join("~", "tensorflow_datasets"))


@functools.cache
def _reached(folder: str) -> str:
    check(folder)
    for_tfds(folder)
    return folder


def local_data_folder(data_dir: str | None, why: str) -> str:
    """`data_folder`, where what is written there is read by libraries that know no URLs.

    Raises:
      UsageError: it is a URL.
    """
    folder = data_folder(data_dir)
    if is_remote(folder):
        raise UsageError(
            f"data.data_dir {folder}: what is made of {why} is kept on this machine; name a local folder with "
            "data.data_dir or PERCEIVER_DATA_DIR."
        )
    return folder


def open_builder(
    dataset: str,
    data_dir: str | None = None,
    *,
    prepare: bool = True,
    max_corrupt_share: float | None = None,
) -> Any:
    """A prepared TFDS builder.

    Our own data sets are prepared on first use, even if two processes do so at the same time. Those made from the
    user's files look for them in `PERCEIVER_MANUAL_DIR`, `manual/NAME` in the data folder, and TFDS's
    `downloads/manual`. Data sets of the catalogue are never downloaded: they must already be in the data folder.

    Args:
      dataset: A TFDS name, `name`, `name/config`, `name:version`; or several with weights,
        `c4/en@0.7+wikipedia/20230601.en@0.3` (see `mixture.Mixture`).
      data_dir: See `data_folder`.
      prepare: False: one of our own that is not prepared yet stays so, and nothing is written.
      max_corrupt_share: The share of the user's files that may be left out because they are corrupt, 0 to 1. None: one
        that is prepared is taken as it is; otherwise 0.

    Raises:
      UsageError: TFDS has no data set of that name; the message offers the nearest.
      PerceiverError: The data set is not on disk, or the folder is missing or not writable; or too many of the user's
        files are corrupt, of which the message names the first.
    """
    if is_mixture(dataset):
        given: Any = {"prepare": prepare, "max_corrupt_share": max_corrupt_share}
        return Mixture(dataset, lambda name: open_builder(name, data_dir, **given))
    if dataset.startswith(OWN):
        return _open_own(dataset, data_folder(data_dir))
    name = re.split(r"[/:]", dataset)[0]
    folder = data_folder(data_dir)
    if name in embedded_names():
        importlib.import_module(f"{builders.__name__}.{name}.{name}_dataset_builder")
    try:
        builder = tfds.builder(dataset, data_dir=folder)
    except tfds.core.registered.DatasetNotFoundError as error:
        known = set(tfds.list_builders(with_community_datasets=False)) | set(embedded_names())
        if name in known:
            raise _absent(dataset, folder) from error
        raise UsageError(f"TFDS has no data set {name!r}.{nearest(name, known)}") from error
    except (*_DAMAGED, ValueError, AssertionError, RuntimeError) as error:
        if isinstance(error, _DAMAGED) or isinstance(error.__cause__, _DAMAGED):
            again = f"get it again with `tfds build {dataset} --data_dir={folder}`"
            if name in embedded_names():
                again = "it is made again"
            raise _damaged(os.path.join(folder, name), error, again) from error
        raise UsageError(f"Data set {dataset!r}: {first_line(error).rstrip('.')}.") from error
    except PermissionError as error:
        raise PerceiverError(f"{folder} cannot be read: {error.strerror}.") from error
    if not builder.is_prepared():
        if name not in embedded_names():
            raise _absent(dataset, folder)
        if not prepare:
            return builder
        _prepare(builder, folder, max_corrupt_share)
        builder = tfds.builder(dataset, data_dir=folder)
    if name in embedded_names():
        left_out.judge_again(builder, folder, max_corrupt_share)
    return builder


def _open_own(dataset: str, folder: str) -> Any:
    """The data set that `own.prepare` made of the user's files."""
    place = os.path.join(folder, *dataset.split("/"), "1.0.0")
    if not tf.io.gfile.exists(os.path.join(place, "dataset_info.json")):
        raise PerceiverError(
            f"{place} does not exist: the data set made of your files is not on this machine. Name your files again "
            "with --data PATH."
        )
    try:
        return tfds.builder_from_directory(place)
    except _DAMAGED as error:
        raise _damaged(place, error, "name your files again with --data PATH") from error


# What reading dataset_info.json or features.json leads to, if it is not what TFDS wrote.
_DAMAGED = (json_format.ParseError, json.JSONDecodeError, UnicodeDecodeError)


def _damaged(place: str, error: Exception, remedy: str) -> PerceiverError:
    return PerceiverError(
        f"{place}: dataset_info.json or features.json is damaged ({first_line(error)}). Remove {place}, and {remedy}."
    )


def label_names(builder: Any, feature: str | None = "label") -> list[str] | None:
    """The names of a ClassLabel feature, or of a sequence of them; None if there is no such feature or no names."""
    features = builder.info.features
    if not isinstance(features, tfds.features.FeaturesDict) or feature not in features:
        return None
    found = features[feature]
    if isinstance(found, tfds.features.Sequence):  # several labels at once
        found = found.feature
    if not isinstance(found, tfds.features.ClassLabel) or found.num_classes is None:
        return None  # not a class, or the files that say which classes there are are not there yet
    try:
        return list(found.names) if found.names else None
    except ValueError:  # a ClassLabel that only knows its number of classes
        return None


def fingerprint(builder: Any, splits: Mapping[str, str] | Sequence[str]) -> str:
    """SHA-256, in hex, of the splits' contents: it changes if one byte on disk changes.

    Up to 1 GiB in total, it covers every byte of every shard. Beyond that, hashing would cost more than the run it may
    save: each shard then contributes its size, its modification time in nanoseconds, and its first and last MiB, so
    that a byte changed in the middle shows through the modification time.

    Args:
      builder: As `open_builder` returns it.
      splits: TFDS split expressions, or {name: expression}.
    """
    named = dict(splits) if isinstance(splits, Mapping) else {split: split for split in splits}
    digest = hashlib.sha256()
    _feed(digest, builder.info.features.to_json_content().SerializeToString(deterministic=True))
    for feature in [label_names(builder) or []]:
        _feed(digest, "\0".join(feature).encode())
    shards: dict[str, None] = {}
    for name, split in sorted(named.items()):
        _feed(digest, f"{name}={split}".encode())
        if not stored_as_tfrecord(builder, split):
            for example in serialized_examples(builder, split):
                _feed(digest, example)
            continue
        for shard in builder_records(builder, split).shards:
            _feed(digest, f"{os.path.basename(shard.path)}:{shard.skip}:{shard.take}".encode())
            shards[shard.path] = None
    stats = {path: tf.io.gfile.stat(path) for path in shards}
    whole = sum(stat.length for stat in stats.values()) <= _FULL_HASH_LIMIT
    for path, stat in stats.items():
        _feed(digest, str(stat.length).encode())
        with tf.io.gfile.GFile(path, "rb") as file:
            if whole:
                while block := file.read(8 * _MIB):
                    digest.update(block)
                continue
            _feed(digest, str(stat.mtime_nsec).encode())
            _feed(digest, file.read(_MIB))
            file.seek(max(0, stat.length - _MIB))
            _feed(digest, file.read(_MIB))
    return digest.hexdigest()


def _feed(digest: Any, content: bytes) -> None:
    # The length first, so that bytes moved from one content to the next change the digest.
    digest.update(len(content).to_bytes(8, "big"))
    digest.update(content)


def _absent(dataset: str, folder: str) -> PerceiverError:
    data_folders.check(folder)  # `tfds build` would write into it
    where = folder if tf.io.gfile.exists(folder) else f"{folder}, a folder that does not exist"
    return PerceiverError(
        f"Data set {dataset!r} is not in {where}. Get it with "
        f"`tfds build {dataset} --data_dir={folder}`, or name its folder with data.data_dir, "
        "PERCEIVER_DATA_DIR or TFDS_DATA_DIR."
    )


def _prepare(builder: Any, folder: str, max_corrupt_share: float | None) -> None:
    """Prepares one of our own data sets; a second process waits until it is ready."""
    with being_prepared(builder.name, folder):
        place = as_path(os.fspath(builder.data_dir))
        if is_remote(place):
            # Stores have no folders to rename, with which TFDS ends: it is made here, then copied there.
            with tempfile.TemporaryDirectory(prefix="perceiver_data_") as here:
                chosen = getattr(builder.builder_config, "name", None)
                name = "/".join(filter(None, (builder.name, chosen)))
                made = tfds.builder(f"{name}:{builder.version}", data_dir=here)
                _prepare(made, here, max_corrupt_share)
                upload(Path(made.data_dir), place, last="dataset_info.json")
            return
        remove_leftovers(place)
        if not place.exists():
            _log.info("Preparing %s in %s", builder.name, folder)
            if isinstance(builder, FilesBuilder):
                builder.max_corrupt_share = max_corrupt_share or 0.0
            config = tfds.download.DownloadConfig(manual_dir=_manual_folder(builder, folder))
            with quiet():
                builder.download_and_prepare(file_format="tfrecord", download_config=config)


@contextlib.contextmanager
def being_prepared(name: str, folder: str) -> Iterator[None]:
    """One process at a time prepares the data set `name` in `folder`, which is created.

    Raises:
      UsageError: the folder holds other files than data sets.
      PerceiverError: it can't be written, or its disk is full.
    """
    try:
        data_folders.check(folder)
        tf.io.gfile.makedirs(folder)
        with _locked(folder, name), has_room(folder):
            yield
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or first_line(error).rstrip(".")
        raise PerceiverError(
            f"Data set {name!r} could not be written to {folder}: {reason}. Name a folder "
            "that can be written with data.data_dir or PERCEIVER_DATA_DIR."
        ) from error


def _manual_folder(builder: Any, folder: str) -> str | None:
    """The folder with the user's files, for data sets made from such files; None for others.

    Raises:
      PerceiverError: The files are in none of the expected folders, which the message lists.
    """
    if not builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        return None
    folders = [os.path.join(folder, "manual"), os.path.join(folder, "downloads", "manual")]
    places = [os.path.join(found, builder.name) for found in folders]  # the second is TFDS's own
    if named := os.environ.get("PERCEIVER_MANUAL_DIR"):
        folders.insert(0, os.path.expanduser(named))
        places.insert(0, folders[0])
    for found, place in zip(folders, places, strict=True):
        if is_remote(place):
            continue  # the user's files are read by libraries that know no URLs
        if tf.io.gfile.isdir(place) and tf.io.gfile.listdir(place):
            return found
    installed = getattr(builder, "INSTALLED", None)
    if installed and os.path.isdir(installed):
        return installed
    raise PerceiverError(
        f"Data set {builder.name!r} is made of files that you have to get: "
        f"{' '.join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())} That folder was looked for in "
        f"{', '.join(folders)}; PERCEIVER_MANUAL_DIR names another place."
    )


@contextlib.contextmanager
def _locked(folder: str, name: str) -> Iterator[None]:
    """One process at a time on this machine; the system releases the lock of a killed process."""
    if is_remote(folder):  # object stores have no locks; there, TFDS's final rename decides
        yield
        return
    with open(os.path.join(folder, f".{name}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_leftovers(final: Path) -> None:
    """Removes the `incomplete.XXXXXX_<version>` folders of killed processes; to be called while holding the lock."""
    for folder in final.parent.glob(f"incomplete.*_{final.name}"):
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences TFDS, which prints its progress to standard output, where `--json` promises a single object."""
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
