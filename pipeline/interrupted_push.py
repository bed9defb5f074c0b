"""A push that was stopped after its version was published and before the store knew of it: what is left is done.

A version names the run that published it, in `PUSH_FILE`. If the pusher of that run is not finished in the store, the
store learns what it did: the model is not pushed once more, and lineage and rollback know the version.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.components.model import facts
from perceiver_keras.components.model.publish import PUSH_FILE
from perceiver_keras.pipeline.graph import DONE, read_executions
from perceiver_keras.pipeline.store import RUN_TYPE
from perceiver_keras.pipeline.versions import PUSHED, local
from perceiver_keras.saved_model import versions
from perceiver_keras.tasks.run_folder import PRESET, keep_blessed

PUSHER, OUTPUT = "AtomicPusher", "pushed_model"
Artifact, Event = metadata_store_pb2.Artifact, metadata_store_pb2.Event


def finish(run_dir: Path, store: MetadataStore) -> str | None:
    """Writes the newest version into the store if its push was stopped; returns it, or None if nothing was left.

    The caller holds the lock of the run folder, and no pusher is at work in it.
    """
    served = versions(str(run_dir / PUSHED))
    if not served:
        return None
    version = str(served[-1])
    folder = run_dir / PUSHED / version
    kept = facts.read(folder / PUSH_FILE)
    if kept.get("version") != version:  # a rollback has copied the file with its version
        return None
    execution = _unfinished(store, kept.get("run"))
    if execution is None:
        return None
    copy = run_dir / "artifacts" / PUSHER / OUTPUT / str(execution.id)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    inputs = read_executions(store, [execution.id])[execution.id].inputs
    (model,) = store.get_artifacts_by_id(inputs["model"])
    trained = local(run_dir, model.uri) / PRESET
    if trained.is_dir():
        keep_blessed(run_dir, trained, version)
    _write_down(store, execution, folder, copy)  # last: what the store knows is finished
    return version


def _unfinished(store: MetadataStore, run: str | None) -> metadata_store_pb2.Execution | None:
    """The pusher's execution in a run, if the store does not know its end or that it got so far."""
    context = store.get_context_by_type_and_name(RUN_TYPE, run) if run else None
    found = store.get_executions_by_context(context.id) if context else []
    pushers = [one for one in found if one.type.rpartition(".")[2] == PUSHER]
    newest = max(pushers, key=lambda one: one.id, default=None)
    return None if newest is None or newest.last_known_state in DONE else newest


def _write_down(
    store: MetadataStore, execution: metadata_store_pb2.Execution, folder: Path, copy: Path
) -> None:
    """What TFX would have written, in one transaction of the store."""
    kind = metadata_store_pb2.ArtifactType(name="PushedModel")
    pushed = Artifact(
        type_id=store.put_artifact_type(kind, can_omit_fields=True),
        uri=str(copy),
        state=Artifact.LIVE,
    )
    pushed.custom_properties["pushed"].int_value = 1
    pushed.custom_properties["pushed_destination"].string_value = str(folder)
    pushed.custom_properties["pushed_version"].string_value = folder.name
    event = Event(type=Event.OUTPUT)
    event.path.steps.add().key = OUTPUT
    event.path.steps.add().index = 0
    execution.last_known_state = metadata_store_pb2.Execution.COMPLETE
    contexts = store.get_contexts_by_execution(execution.id)
    store.put_execution(execution, [(pushed, event)], contexts, force_reuse_context=True)
