"""A run's ML Metadata store: how to open it without TFX, and what each run writes into it about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from ml_metadata import errors
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.errors import PerceiverError, UsageError

FILE = "metadata.sqlite"
RUN_TYPE = "pipeline_run"  # TFX's type of the context that holds one run
NOTES = "perceiver_notes"  # a property of that context: what is known about a run, as JSON

Connection = metadata_store_pb2.ConnectionConfig


def connection(
    run_dir: Path, uri: str | None = None, *, write: bool = False, create: bool = False
) -> Connection:
    """Where the metadata of a run folder are: its SQLite file, or the MySQL database that the run was given.

    Args:
      run_dir: The run folder.
      uri: None, or "mysql://USER:PASSWORD@HOST:PORT/DATABASE".
      write: Whether to write; a store that is only read can't be harmed.
      create: Whether to write, also where there is no store yet.

    Raises:
      UsageError: `uri` is no such address.
    """
    found = Connection()
    if uri is None:
        modes = metadata_store_pb2.SqliteMetadataSourceConfig
        found.sqlite.filename_uri = str(run_dir / FILE)
        mode = "READWRITE_OPENCREATE" if create else "READWRITE" if write else "READONLY"
        found.sqlite.connection_mode = modes.ConnectionMode.Value(mode)
        return found
    parts = urlparse(uri)
    if parts.scheme != "mysql" or not (parts.hostname and parts.username and parts.path.strip("/")):
        raise UsageError(
            f"metadata {uri!r} is not a MySQL address; "
            "write mysql://USER:PASSWORD@HOST:PORT/DATABASE, or omit it for SQLite."
        )
    found.mysql.host, found.mysql.port = parts.hostname, parts.port or 3306
    found.mysql.database = parts.path.strip("/")
    found.mysql.user, found.mysql.password = parts.username, unquote(parts.password or "")
    return found


def open_store(run_dir: Path, uri: str | None = None, *, write: bool = False) -> MetadataStore:
    """The store of a run folder.

    Raises:
      UsageError: `uri` is not an address.
      PerceiverError: the folder holds no store, or it can't be read.
    """
    place = run_dir / FILE if uri is None else "the metadata store"
    if uri is None and not place.is_file():
        raise PerceiverError(
            f"{run_dir} has no {FILE}: it is not a folder of `perceiver run`, or its metadata are in MySQL "
            "(then name it with --metadata)."
        )
    try:
        store = MetadataStore(connection(run_dir, uri, write=write))
        store.get_context_types()  # it opens the file only when asked
    except (errors.StatusError, RuntimeError) as error:
        raise PerceiverError(
            f"{place} can't be read as ML Metadata: {str(error)[:200]}."
        ) from error
    return store


def note_run(
    where: Connection | MetadataStore, run_id: str, notes: Mapping[str, Any], pipeline: str
) -> None:
    """Writes what is known about a run before it begins; later notes about the same run replace those of their keys.

    They belong to the run's context and not to a component, so the cache does not depend on them.

    Args:
      where: The store, or how to connect to it.
      run_id: The name of the run.
      notes: What JSON can hold: "overrides", "versions", "seed" and so on.
      pipeline: The name of the pipeline.
    """
    store = where if isinstance(where, MetadataStore) else MetadataStore(where)
    context = store.get_context_by_type_and_name(RUN_TYPE, run_id)
    if context is None:
        kind = metadata_store_pb2.ContextType(name=RUN_TYPE)
        context = metadata_store_pb2.Context(
            name=run_id, type_id=store.put_context_type(kind, can_omit_fields=True)
        )
    merged = notes_of(context) | {"pipeline": pipeline} | dict(notes)
    context.custom_properties[NOTES].string_value = json.dumps(merged, sort_keys=True)
    store.put_contexts([context])


def notes_of(context: metadata_store_pb2.Context) -> dict[str, Any]:
    """What `note_run` wrote about a run; {} for runs of older versions."""
    text = (
        context.custom_properties[NOTES].string_value if NOTES in context.custom_properties else ""
    )
    return json.loads(text) if text else {}


def value_of(value: metadata_store_pb2.Value) -> Any:
    """A property as Python has it."""
    kind = value.WhichOneof("value")
    if kind == "struct_value":
        from google.protobuf import json_format

        return json_format.MessageToDict(value.struct_value)
    return getattr(value, kind) if kind else None
