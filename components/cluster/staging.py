"""Copies on this machine of artifacts that lie in a bucket, for as long as a component runs.

Our components read and write folders, and rename them, as local disks allow: a model is exported next to its place and
renamed, HDF5 files are written at any position. A bucket allows neither, and one that is mounted as a file system does
not rename folders. So inputs are copied before a component runs, and its outputs afterwards.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from tfx.types import Artifact

Artifacts = Mapping[str, Sequence[Artifact]]


def is_remote(uri: str) -> bool:
    """Whether `uri` names a place that only TensorFlow's file systems reach, such as gs://bucket/folder."""
    return "://" in uri


@contextlib.contextmanager
def local_copies(inputs: Artifacts, outputs: Artifacts, upload: bool = True) -> Iterator[None]:
    """Remote artifacts have local URIs in the context, and afterwards their own again.

    What a component wrote into a string property about such a place, as SchemaGen does, is afterwards the remote one.

    Args:
      inputs: Their files are copied to this machine first.
      outputs: Their files are copied back, if the context ends without an error.
      upload: Whether they are; of several workers, one does it.
    """
    with tempfile.TemporaryDirectory(
        prefix="perceiver_artifacts_", ignore_cleanup_errors=True
    ) as folder:
        read = _places(inputs, lambda name: os.path.join(folder, "inputs", name))
        written = _places(outputs, lambda name: os.path.join(folder, "outputs", name))
        for place in read:
            copy_folder(place.remote, place.local)
        with _moved(inputs, read), _moved(outputs, written):
            yield
            for place in written if upload else ():
                copy_folder(place.local, place.remote)
        _name_remote_places(outputs, [*read, *written])


@dataclass(frozen=True)
class _Place:
    """An artifact, by its place in the inputs or outputs: TFX's function components replace it by a copy."""

    name: str
    number: int
    remote: str
    local: str


def _places(artifacts: Artifacts, local: Callable[[str], str]) -> list[_Place]:
    """Of the remote ones; `local` gives a folder for the artifacts of a name."""
    return [
        _Place(name, number, artifact.uri, os.path.join(local(name), str(number)))
        for name, found in artifacts.items()
        for number, artifact in enumerate(found)
        if is_remote(artifact.uri)
    ]


@contextlib.contextmanager
def _moved(artifacts: Artifacts, places: Sequence[_Place]) -> Iterator[None]:
    """The artifacts have local URIs, with folders there, as TFX's launcher makes them for outputs."""
    for place in places:
        artifacts[place.name][place.number].uri = place.local
        os.makedirs(place.local, exist_ok=True)
    try:
        yield
    finally:
        for place in places:
            artifacts[place.name][place.number].uri = place.remote


def copy_folder(source: str, target: str) -> None:
    """Copies a folder with all below it; either may be remote, and a `source` that is not there is empty."""
    source = source.rstrip("/")
    for folder, _, names in tf.io.gfile.walk(source):
        below = folder.rstrip("/")[len(source) :].strip("/")
        to = f"{target.rstrip('/')}/{below}".rstrip("/")
        tf.io.gfile.makedirs(to)
        for name in names:
            # A file whose name ends with a slash is how some buckets mark a folder.
            if not name.endswith("/"):
                tf.io.gfile.copy(f"{folder.rstrip('/')}/{name}", f"{to}/{name}", overwrite=True)


def _name_remote_places(outputs: Artifacts, places: Sequence[_Place]) -> None:
    """String properties about local copies are about the places that were copied."""
    for artifact in (artifact for found in outputs.values() for artifact in found):
        for key in list(artifact.mlmd_artifact.custom_properties):
            text = artifact.get_string_custom_property(key)
            for place in places:
                if text == place.local or text.startswith(f"{place.local}/"):
                    artifact.set_string_custom_property(
                        key, place.remote + text.removeprefix(place.local)
                    )


@contextlib.contextmanager
def launchers_copies(inputs: Artifacts, outputs: Artifacts) -> Iterator[None]:
    """Artifacts have the URIs of the copies that Kubeflow's launcher makes: of inputs before, from outputs after."""
    read, written = (
        [dataclasses.replace(place, local=launchers_copy(place.remote)) for place in found]
        for found in (_places(side, lambda _: "") for side in (inputs, outputs))
    )
    with _moved(inputs, read), _moved(outputs, written):
        yield
    _name_remote_places(outputs, [*read, *written])


def launchers_copy(uri: str) -> str:
    """Where Kubeflow's launcher copies an artifact to before a container runs, and from after it.

    gs://, s3:// and minio:// are /gcs, /s3 and /minio, below `ARTIFACT_LOCAL_PATH` if that is set.
    """
    scheme, _, path = uri.partition("://")
    top = {"gs": "gcs", "s3": "s3", "minio": "minio"}.get(scheme)
    if top is None:
        raise ValueError(f"Kubeflow's launcher copies gs://, s3:// and minio://, got {uri}")
    return str(Path(os.environ.get("ARTIFACT_LOCAL_PATH", "") or "/", top, path))
