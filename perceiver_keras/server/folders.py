"""The version folders of a model on disk: which there are, which should be served, and whether one has changed."""

from __future__ import annotations

from collections.abc import Collection

import tensorflow as tf

from perceiver_keras.server.settings import ModelSource

Print = tuple[tuple[str, int, int], ...]


def versions(base_path: str) -> list[int]:
    """The numbers of the version folders, ascending; [] if there is no such folder.

    Names with leading zeros are ignored, because the number alone would not lead back to them, and so are numbers
    beyond int64, which no request can name.
    """
    try:
        names = [name.rstrip("/") for name in tf.io.gfile.listdir(base_path)]
    except tf.errors.OpError:
        return []
    numbers = {
        int(name)
        for name in names
        if name.isascii() and name.isdigit() and name == str(int(name)) and int(name) < 2**63
    }
    return sorted(n for n in numbers if tf.io.gfile.isdir(f"{base_path}/{n}"))


def wanted(source: ModelSource, found: Collection[int], broken: Collection[int]) -> list[int]:
    """The versions that should be served; a broken one never is, and for "latest" an older one takes its place."""
    good = sorted(set(found) - set(broken))
    if source.policy == "all":
        return good
    if source.policy == "specific":
        return [version for version in good if version in source.versions]
    return good[-source.count :]


def fingerprint(folder: str) -> Print:
    """Names, sizes and times of all files in a version: another one means that loading is worth a new try."""
    found = []
    for place, _, names in tf.io.gfile.walk(folder):
        for path in (f"{place}/{name}" for name in names):
            try:
                stat = tf.io.gfile.stat(path)
                found.append((path, stat.length, stat.mtime_nsec))
            except tf.errors.OpError:  # it has just gone
                found.append((path, -1, 0))
    return tuple(sorted(found))
