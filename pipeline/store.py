"""A run's ML Metadata store: how to open it without TFX, and what each run writes into it about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata import errors
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline import address, mysql_login, shared_store

FILE = "metadata.sqlite"
RUN_TYPE = "pipeline_run"  # TFX's type of the context that holds one run
PUT_BACK = "Put it back from a copy; without one, begin anew in another run folder."
NOTES = "perceiver_notes"  # a property of that context: what is known about a run, as JSON

Connection = metadata_store_pb2.ConnectionConfig


def connection(
    run_dir: Path, uri: str | None = None, *, write: bool = False, create: bool = False
) -> Connection:
    """Where the metadata of a run folder are: its SQLite file, or the MySQL database that the run was given.

    Args:
      run_dir: The run folder.
      uri: None, or an address as `address.read` takes it. The password is looked up now.
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
    parts = address.read(uri)
    found.mysql.host, found.mysql.port = parts.host, parts.port
    found.mysql.database = parts.database
    found.mysql.user, found.mysql.password = parts.user, parts.password
    if not (write or create):
        found.mysql.skip_db_creation = True  # a wrong name must not become an empty database
    return found


def check_server(uri: str | None, *, create: bool = True) -> None:
    """Whether the database of an address can be used, within seconds; None needs no server.

    Args:
      uri: The address.
      create: Whether a database that is not there will be created.

    Raises:
      UsageError: `uri` is no address.
      PerceiverError: why it can't be used.
    """
    if uri is None:
        return
    try:
        mysql_login.log_in(address.read(uri))
    except mysql_login.Refused as error:
        if not (create and error.number == mysql_login.UNKNOWN_DATABASE):
            raise


def is_new(run_dir: Path) -> bool:
    """Whether a run folder has no store in a file yet, and a run may begin one.

    Raises:
      PerceiverError: it had one, since the results of runs are there: a new store would know none of them, and number
        its artifacts like theirs.
    """
    path = run_dir / FILE
    if path.is_file() and path.stat().st_size:
        return False
    folders = [run_dir / name for name in ("artifacts", "pushed")]
    left = [f"{one.name}/" for one in folders if one.is_dir() and any(one.glob("[!.]*"))]
    if left:
        raise PerceiverError(
            f"{path} is {'empty' if path.exists() else 'missing'}, and without it {' and '.join(left)} of earlier "
            "runs would be forgotten and written over. Put it back from a copy (or name its database with "
            f"--metadata); to begin anew, move {' and '.join(left)} away or choose another --run-dir."
        )
    return True


def open_store(run_dir: Path, uri: str | None = None, *, write: bool = False) -> MetadataStore:
    """The store of a run folder; of a database that folders share, what this folder put into it.

    Raises:
      UsageError: `uri` is not an address.
      PerceiverError: the folder holds no store, or it can't be read.
    """
    if uri is None and not (run_dir / FILE).is_file():
        raise PerceiverError(
            f"{run_dir} has no {FILE}: it is not a folder of `perceiver run`, or its metadata are in MySQL "
            "(then name it with --metadata)."
        )
    if uri is None and not (run_dir / FILE).stat().st_size:
        raise PerceiverError(f"{run_dir / FILE} is empty. {PUT_BACK}")
    check_server(uri, create=write)
    where = connection(run_dir, uri, write=write)
    place = str(run_dir / FILE) if uri is None else address.read(uri).place
    try:
        mine = () if uri is None else (run_dir, place)
        store = shared_store.FoldersStore(where, *mine) if mine else MetadataStore(where)
        store.get_context_types()  # it opens the file only when asked
    except (errors.StatusError, RuntimeError) as error:
        if uri is not None:
            raise PerceiverError(shared_store.in_words(error, place)) from error
        why = str(error).removeprefix("Error when executing query: ").partition(" query: ")[0]
        raise PerceiverError(
            f"{place} can't be read as ML Metadata: {why[:200]}. {PUT_BACK}"
        ) from error
    return store


def trouble(error: BaseException | None) -> BaseException | None:
    """The error, or what caused it, that ML Metadata or its connection raised; None if the store is not to blame."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        lost = isinstance(error, RuntimeError) and any(
            words in str(error) for words in ("mysql_", "connection to Metadata storage")
        )
        if lost or isinstance(error, (errors.StatusError, mysql_login.Unavailable)):
            return error
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None


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
