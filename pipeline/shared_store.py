"""Run folders that share one database: each sees its own runs only.

TFX keeps the runs of a pipeline apart by the pipeline's name: it is part of the cache's key, and resolvers look for
artifacts under it. So the name that a run folder has in a database ends in the folder's id, which lies in the folder
and moves with it. The database says which folder an id belongs to: a copied folder gets an id of its own.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from ml_metadata import errors
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import read_json, write_json

FILE = "metadata_id.json"
PIPELINE = "pipeline"  # TFX's type of the context that holds all runs of a pipeline
RUN_DIR = "perceiver_run_dir"  # a property of that context


class FoldersStore(MetadataStore):
    """What one run folder put into a database: it lists nothing of the others. Errors are a line.

    Artifacts and executions are still found by their ids, whosever they are.
    """

    def __init__(
        self, config: metadata_store_pb2.ConnectionConfig, run_dir: Path, place: str
    ) -> None:
        super().__init__(config)
        self._run_dir, self._place = run_dir, place

    def _call(self, *args, **kwargs):
        try:
            return super()._call(*args, **kwargs)
        except errors.NotFoundError:
            raise  # MetadataStore's own methods ask and expect it
        except errors.StatusError as error:
            raise PerceiverError(in_words(error, self._place)) from error

    def get_artifacts(self, *args, **kwargs):
        return [
            artifact
            for context in self._contexts()
            for artifact in self.get_artifacts_by_context(context.id, *args, **kwargs)
        ]

    def get_artifacts_by_type(self, type_name, *args, **kwargs):
        found = super().get_artifacts_by_type(type_name, *args, **kwargs)
        own = {artifact.id for artifact in self.get_artifacts()} if found else set()
        return [artifact for artifact in found if artifact.id in own]

    def get_executions_by_type(self, type_name, *args, **kwargs):
        found = super().get_executions_by_type(type_name, *args, **kwargs)
        own = {
            execution.id
            for context in (self._contexts() if found else ())
            for execution in self.get_executions_by_context(context.id)
        }
        return [execution for execution in found if execution.id in own]

    def _contexts(self) -> list[metadata_store_pb2.Context]:
        """Of the folder's pipelines. Before ids there were names without one, which a folder may still have."""
        contexts = self.get_contexts_by_type(PIPELINE)
        end = _end(_id(self._run_dir))
        found = [context for context in contexts if _has(context.name, end)]
        if not found and not (self._run_dir / FILE).is_file():
            found = [context for context in contexts if _has(context.name, "")]
        return found


def pipeline_name(task: str, run_dir: Path) -> str:
    """What a task's pipeline is called in a database: the same for the same folder, and no other folder's."""
    return task + _end(_id(run_dir))


def claim(store: MetadataStore, task: str, run_dir: Path, echo: Callable[[str], None]) -> None:
    """Gives the run folder its id, and writes into the store that it is this folder's. Begins every run.

    A folder that was moved keeps its id. One that was copied gets a new one, and one that was made anew at the place of
    a deleted one too: what the old one left in the store are addresses of files that are not there.
    """
    known = {context.name: context for context in store.get_contexts_by_type(PIPELINE)}
    chosen = _chosen(known, task, run_dir, echo)
    write_json(run_dir / FILE, {"id": chosen})
    name = task + _end(chosen)
    context = known.get(name)
    if context is None:
        kind = metadata_store_pb2.ContextType(name=PIPELINE)
        number = store.put_context_type(kind, can_omit_fields=True)
        context = metadata_store_pb2.Context(name=name, type_id=number)
    if _owner(context) != run_dir.resolve():
        context.custom_properties[RUN_DIR].string_value = str(run_dir.resolve())
        store.put_contexts([context])


def in_words(error: BaseException, place: str) -> str:
    """What an error of ML Metadata means to a person."""
    text = " ".join(str(error).split())
    if "denied to user" in text or "Access denied" in text:
        return (
            f"The account has too few rights in the metadata store at {place} "
            f"({text.rpartition('error: ')[2][:200]}); a run needs ALL on its database."
        )
    return f"The metadata store at {place} failed: {text[:200]}."


def _chosen(
    known: Mapping[str, metadata_store_pb2.Context],
    task: str,
    run_dir: Path,
    echo: Callable[[str], None],
) -> str:
    has_file = (run_dir / FILE).is_file()
    possible = [_id(run_dir)] if has_file else []
    if not has_file and (run_dir / "artifacts").is_dir():
        # It ran here before there were ids, or under a runner that does not call `claim`.
        possible = [_of_path(run_dir), ""]
    for identity in possible:
        context = known.get(task + _end(identity))
        owner = _owner(context)
        if owner is not None and _is_another(owner, identity, run_dir):
            echo(
                f"The runs in the database are those of {owner}; this folder begins a new history."
            )
        elif has_file or context is not None:
            return identity
    fresh = _of_path(run_dir)
    return fresh if task + _end(fresh) not in known else uuid.uuid4().hex[:8]


def _is_another(owner: Path, identity: str, run_dir: Path) -> bool:
    """Whether the folder that an id belongs to is still there, and is not this one."""
    file = owner / FILE
    is_same = (run_dir / FILE).is_file() and file.is_file() and file.samefile(run_dir / FILE)
    return file.is_file() and not is_same and _id(owner) == identity


def _owner(context: metadata_store_pb2.Context | None) -> Path | None:
    if context is None or RUN_DIR not in context.custom_properties:
        return None
    return Path(context.custom_properties[RUN_DIR].string_value)


def _id(run_dir: Path) -> str:
    """That of its file; before its first run, that of its path."""
    try:
        remedy = "restore it, or delete it to begin with an empty history"
        return str(read_json(run_dir / FILE, remedy, "id")["id"])
    except FileNotFoundError:
        return _of_path(run_dir)


def _of_path(run_dir: Path) -> str:
    return hashlib.sha256(str(run_dir.resolve()).encode()).hexdigest()[:8]


def _end(identity: str) -> str:
    return f"-{identity}" if identity else ""


def _has(name: str, end: str) -> bool:
    """Tasks have no - in their names, so that one without is of before there were ids."""
    return name.endswith(end) if end else "-" not in name
