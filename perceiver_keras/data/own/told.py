"""What was found in the user's data and what was left out of it, kept in the data folder for the report."""

from __future__ import annotations

import json
import os

import tensorflow as tf

from perceiver_keras.data.own.found import Found
from perceiver_keras.data.store import left_out, source
from perceiver_keras.files import write_json


def keep(found: Found, folder: str) -> None:
    """Writes the rows of `found` into the data folder, next to the data set made of it."""
    path = _file(found.dataset, folder)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_json(path, found.rows())


def rows(dataset: str, data_dir: str | None = None) -> list[list[str]]:
    """The (what, text) rows that `keep` wrote about a data set; none if it is not made of the user's data."""
    path = _file(dataset, source.data_folder(data_dir))
    if not (dataset.startswith(source.OWN) and tf.io.gfile.exists(path)):
        return []
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read())


def letters(dataset: str, data_dir: str | None = None) -> dict[str, str]:
    """{file or line: why it was left out} when a data set was made of files."""
    folder = source.data_folder(data_dir)
    if dataset.startswith(source.OWN):
        name = dataset.removeprefix(source.OWN)
    elif tf.io.gfile.exists(os.path.dirname(left_out.letters_file(folder, dataset))):
        name = source.open_builder(dataset, data_dir).info.full_name
    else:
        return {}
    return left_out.read_letters(left_out.letters_file(folder, name))


def _file(dataset: str, folder: str) -> str:
    return os.path.join(folder, "own_data", "found", f"{dataset.removeprefix(source.OWN)}.json")
