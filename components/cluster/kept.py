"""What a pipeline on a cluster remembers from run to run, in a folder that all of its runs share.

On one machine this is in the metadata store, where resolvers find it. A cluster's store can't be asked by a resolver of
ours: Vertex AI knows two standard ones, whose rules are others (docs/gate.md), and Kubeflow Pipelines none. So here are
the same two rules over files:

    SHARED/blessed/VERSION/      verdict.json and kept.json of each version that was pushed
    SHARED/pushed/VERSION/       the version itself
    SHARED/schemas/NUMBER/       accepted schemas; the one with the highest number counts

All paths may be remote.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf
from tfx.types import Artifact

BLESSED, PUSHED, SCHEMAS = "blessed", "pushed", "schemas"
FILE = "kept.json"
# The property of an artifact which says that there is nothing: on a cluster, every output is an artifact.
ABSENT = "absent"


@dataclass(frozen=True)
class Version:
    """A pushed version.

    Attributes:
      number: Its name below `pushed`.
      model: The id of its Model.
      compared: Whether it was blessed in comparison with an earlier one; if not, it begins a new line.
    """

    number: int
    model: int
    compared: bool


def baseline(versions: Sequence[Version], candidate: int) -> Version | None:
    """The latest of `versions` that is another model than the candidate, in the line that ends with the latest.

    It is `LatestBlessedOther`'s rule (`components/baseline.py`), but that taking a version back is removing it.
    """
    for version in sorted(versions, key=lambda version: version.number, reverse=True):
        if version.model != candidate:
            return version
        if not version.compared:
            return None
    return None


def read_versions(shared: str) -> list[Version]:
    """The versions that were kept and are still there."""
    found = []
    for number in numbers(os.path.join(shared, BLESSED)):
        kept = read(os.path.join(shared, BLESSED, str(number), FILE))
        if kept and tf.io.gfile.isdir(os.path.join(shared, PUSHED, str(number))):
            found.append(Version(number, int(kept["model"]), bool(kept["compared"])))
    return found


def numbers(folder: str) -> list[int]:
    """The folders whose names are numbers, in order."""
    if not tf.io.gfile.isdir(folder):
        return []
    names = (name.strip("/") for name in tf.io.gfile.listdir(folder))
    return sorted(int(name) for name in names if name.isdecimal())


def read(path: str) -> dict:
    """A JSON object; {} if there is none."""
    if not tf.io.gfile.exists(path):
        return {}
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read())


def write(path: str, value: dict) -> None:
    """Writes a JSON object whole, and last of what makes an entry: one without it does not count."""
    aside = f"{path}.tmp"
    with tf.io.gfile.GFile(aside, "w") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True))
    tf.io.gfile.rename(aside, path, overwrite=True)


def nothing(*artifacts: Artifact) -> None:
    """Marks outputs as absent; what reads them is not given them."""
    for artifact in artifacts:
        artifact.set_int_custom_property(ABSENT, 1)
