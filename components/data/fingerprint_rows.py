"""Reads the fingerprints that Describe wrote, and writes what was counted of them, in Beam."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from perceiver_keras.components.data.describe_shard import read


def files_of(uri: str) -> list[tuple[str, str]]:
    """(split, path) of each file in an artifact of fingerprints, in order."""
    import tensorflow as tf

    found = []
    # Not by glob, which takes brackets in the names of folders for a pattern.
    for folder in sorted(tf.io.gfile.listdir(uri)):
        folder = folder.rstrip("/")
        if folder.startswith("Split-"):
            names = sorted(tf.io.gfile.listdir(os.path.join(uri, folder)))
            found += [
                (folder.removeprefix("Split-"), os.path.join(uri, folder, name)) for name in names
            ]
    return found


def rows(pipeline: beam.Pipeline, name: str, files: list[tuple[str, str]]) -> beam.PCollection:
    """(split, `perceiver_keras.data.alike.rows.Row`) of each example."""
    return (
        pipeline
        | f"{name}Files" >> beam.Create(files)
        | f"{name}Spread" >> beam.Reshuffle()
        | f"{name}Read" >> beam.ParDo(ReadRows())
    )


class ReadRows(beam.DoFn):
    """(split, path) -> (split, Row) of each example in the file."""

    def process(self, file: tuple[str, str]) -> Iterator[tuple[str, Any]]:
        # Imported here so that Beam's workers can unpickle this module without TensorFlow.
        from perceiver_keras.data.alike.rows import from_row

        split, path = file
        for serialized in read(path):
            yield split, from_row(serialized)


class WriteJson(beam.DoFn):
    """Writes its only element as a JSON file; a second attempt replaces it by the same bytes."""

    def __init__(self, path: str):
        self._path = path

    def process(self, content: Any) -> None:
        import tensorflow as tf

        aside = f"{self._path}.{uuid.uuid4().hex}.tmp"
        with tf.io.gfile.GFile(aside, "w") as file:
            file.write(json.dumps(content, indent=2, sort_keys=True) + "\n")
        tf.io.gfile.rename(aside, self._path, overwrite=True)


def text_of(label: bytes) -> str:
    """A label as it is shown; bytes that are not UTF-8 are replaced."""
    return label.decode("utf-8", "replace")
