"""The schemas of a run folder in its metadata store: the accepted one, the last run's proposal, and accepting it.

What is accepted follows from the store (`components/data/acceptance.py`), so that the pipeline and people see the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import schema_pb2

from perceiver_keras.components.data import acceptance, schema_words
from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import read_json
from perceiver_keras.pipeline.graph import DONE, made_by, read_executions
from perceiver_keras.pipeline.run_folder import only_one_run
from perceiver_keras.pipeline.store import open_store
from perceiver_keras.pipeline.versions import local

SCHEMA_FILE = "schema.pbtxt"
REFERENCE = "statistics"
ANOMALIES_FILE = "anomalies.json"
MAKER, CHECKER = "SchemaGen", "ExampleValidator"
MAKE_AGAIN = "the same `perceiver run` with --no-cache makes it again"
NO_REASON = "no reason was given"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A schema in the store.

    Attributes:
      id: Of its artifact.
      folder: Where its files are.
      schema: What it allows.
      made: When, in milliseconds since 1970; run: by which run.
      because, at: Why and when (milliseconds) a person accepted it; None, 0: no one did.
    """

    id: int
    folder: Path
    schema: schema_pb2.Schema
    made: int
    run: str
    because: str | None
    at: int

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "uri": str(self.folder),
            "run": self.run,
            "made": self.made,
            "accepted_because": self.because,
            "accepted_at": self.at or None,
            "features": schema_words.in_words(self.schema),
        }


def accepted(store: MetadataStore, run_dir: Path) -> Stored | None:
    """The schema that the next run's data is held against; None if nothing is accepted yet."""
    schemas = store.get_artifacts_by_type("Schema")
    chosen = acceptance.accepted(schemas, store.get_artifacts_by_type("ExampleAnomalies"))
    found = [schema for schema in schemas if schema.id == chosen]
    # A later run makes no other: it holds its data against this one.
    remedy = "put it back from a copy; without one, begin anew in another run folder"
    return _stored(store, run_dir, found[0], remedy) if found else None


def proposal(store: MetadataStore, run_dir: Path) -> Stored:
    """What the data of the last run would need, also if ExampleValidator stopped that run.

    Raises:
      PerceiverError: no run got as far as to propose one.
    """
    found = _proposal(store)
    if found is None:
        raise PerceiverError(
            f"No run in {run_dir} has proposed a schema; `perceiver run` makes one of its data."
        )
    return _stored(store, run_dir, found, MAKE_AGAIN)


def anomalies(run_dir: Path) -> list[dict[str, Any]]:
    """What ExampleValidator said last of this folder's data, whether it stopped the run or not."""
    folder = run_dir / "artifacts" / CHECKER
    pages = [*folder.glob(f"*/*/{ANOMALIES_FILE}"), *folder.glob(f"*/*/*/{ANOMALIES_FILE}")]
    numbered = [(int(page.parent.name), page) for page in pages if page.parent.name.isdecimal()]
    if not numbered:
        return []
    return read_json(max(numbered)[1], MAKE_AGAIN, "anomalies")["anomalies"]


def difference(old: Stored | None, new: Stored) -> list[dict[str, Any]]:
    """What `new` changes, as `schema_words.differences` has it; everything is new where nothing was accepted."""
    return schema_words.differences(old.schema if old else schema_pb2.Schema(), new.schema)


def same(old: Stored | None, new: Stored) -> bool:
    """Whether accepting `new` would change nothing: it is the accepted one, or was made from the same statistics."""
    if old is None:
        return False
    return old.id == new.id or _content(old.folder) == _content(new.folder)


def accept(
    run_dir: Path, because: str | None = None, metadata: str | None = None
) -> dict[str, Any]:
    """Makes the last run's proposal the accepted schema.

    Args:
      run_dir: The run folder.
      because: The reason, which is kept.
      metadata: The address of the metadata store, if it is not in the folder.

    Returns:
      {"changed": whether there was anything to accept, "differences", "because", "schema": the proposal}.

    Raises:
      PerceiverError: there is no proposal, its files are gone, or another process uses the folder.
    """
    open_store(run_dir, metadata)  # an error before the lock file is made
    with only_one_run(run_dir):
        store = open_store(run_dir, metadata, write=True)
        old, new = accepted(store, run_dir), proposal(store, run_dir)
        told = {"differences": difference(old, new), "because": None, "schema": new.as_json()}
        if same(old, new):
            return told | {"changed": False, "differences": []}
        (artifact,) = store.get_artifacts_by_id([new.id])
        reason = (because or "").strip() or NO_REASON
        artifact.custom_properties[acceptance.BECAUSE].string_value = reason
        artifact.custom_properties[acceptance.AT].int_value = int(time.time() * 1000)
        store.put_artifacts([artifact])
    return told | {"changed": True, "because": reason}


def _proposal(store: MetadataStore) -> metadata_store_pb2.Artifact | None:
    types = [kind for kind in store.get_execution_types() if kind.name.split(".")[-1] == MAKER]
    ids = [
        execution.id
        for kind in types
        for execution in store.get_executions_by_type(kind.name)
        if execution.last_known_state in DONE
    ]
    for _, execution in sorted(read_executions(store, ids).items(), reverse=True):
        for artifact in store.get_artifacts_by_id(execution.outputs.get("schema", [])):
            if acceptance.value(artifact, acceptance.ROLE) == acceptance.DESCRIBED:
                return artifact
    return None


def _stored(
    store: MetadataStore, run_dir: Path, artifact: metadata_store_pb2.Artifact, remedy: str
) -> Stored:
    folder = local(run_dir, artifact.uri)
    path = folder / SCHEMA_FILE
    if not path.is_file():
        raise PerceiverError(f"The schema {path} is gone; {remedy}.")
    try:
        schema = text_format.Parse(path.read_text(), schema_pb2.Schema())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise PerceiverError(f"{path} is damaged ({error}); {remedy}.") from None
    maker = made_by(store, artifact.id)
    return Stored(
        id=artifact.id,
        folder=folder,
        schema=schema,
        made=artifact.create_time_since_epoch,
        run=maker.run if maker else "",
        because=acceptance.value(artifact, acceptance.BECAUSE),
        at=acceptance.value(artifact, acceptance.AT) or 0,
    )


def _content(folder: Path) -> dict[str, bytes]:
    """The schema and the statistics, by their names."""
    files = [folder / SCHEMA_FILE, *sorted((folder / REFERENCE).glob("*/*"))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
