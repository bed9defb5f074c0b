"""The way back: an older blessed version is published again, as a new version, and the store says why.

TensorFlow Serving takes the highest number, so going back is a new version with the old model. It becomes visible in
one step, the rename in `publish`, and holds `assets.extra/rollback.json`. What is left to do then (the store,
`blessed/`, run.json) follows from that file; `finish` does it, also after a kill, before anything else happens in the
folder.

The models that are newer than the one gone back to are marked as taken back, so that no run blesses and pushes them
again. A blessing with `BECAUSE` makes the old model the last blessed one (`components/baseline.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.components.model import facts
from perceiver_keras.components.model.facts import WITHDRAWN
from perceiver_keras.components.model.publish import PUSH_FILE, publish
from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.files import write_json
from perceiver_keras.pipeline import interrupted_push
from perceiver_keras.pipeline import lineage as lineages
from perceiver_keras.pipeline.graph import artifact_node, read_executions
from perceiver_keras.pipeline.run_folder import only_one_run
from perceiver_keras.pipeline.store import open_store
from perceiver_keras.pipeline.versions import (
    BLESSED,
    PUSHED,
    ROLLBACK,
    Push,
    local,
    pushes,
    withdrawn,
)
from perceiver_keras.saved_model import missing_files, versions
from perceiver_keras.show import model_card
from perceiver_keras.tasks.run_folder import PRESET, ROLLBACK_FILE, keep_blessed

NO_REASON = "no reason was given"
BECAUSE = "rollback_because"  # a property of the old model's new blessing
Event, Execution = metadata_store_pb2.Event, metadata_store_pb2.Execution


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a rollback does.

    Attributes:
      present: The version that is served now.
      target: The push that is repeated.
      saved_model: Where its files are.
      taken_back: The ids of the models that are marked.
    """

    present: int
    target: Push
    saved_model: Path
    taken_back: tuple[int, ...]


def rollback(
    run_dir: Path,
    *,
    to: int | None = None,
    because: str | None = None,
    metadata: str | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Publishes an older version again.

    Args:
      run_dir: The run folder.
      to: The version; None: the newest before the present one with another model that was not taken back.
      because: The reason, which is kept.
      metadata: The address of the metadata store, if it is not in the folder.
      dry_run: Only find out what would be done.

    Returns:
      {"from", "of", "because", "taken_back": versions, "version": the new one or None, "folder": its place or None}.

    Raises:
      UsageError: `to` is the present version or none of the folder's.
      PerceiverError: there is nothing to go back to, or another process uses the folder.
    """
    because = (because or "").strip() or NO_REASON
    if dry_run:
        return _told(open_store(run_dir, metadata), plan(run_dir, to, metadata), because)
    open_store(run_dir, metadata)  # an error before anything is made or filled
    with only_one_run(run_dir):
        store = open_store(run_dir, metadata, write=True)
        finish(run_dir, store)
        chosen = plan(run_dir, to, metadata)
        told = _told(store, chosen, because)
        lineage = lineages.lineage(run_dir, chosen.target.version, metadata)

        def added(version: str) -> dict[str, str]:
            now = model_card.now()
            kept = {
                **{key: told[key] for key in ("of", "from", "because")},
                **{"version": version, "time": now, "model": chosen.target.model},
                **{"taken_back": list(chosen.taken_back), "pushed_model": chosen.target.artifact},
            }
            push = {key: kept[key] for key in ("of", "from", "because", "version", "time")}
            card = _card(chosen, lineage, push)
            return card | {ROLLBACK_FILE: json.dumps(kept, indent=2) + "\n"}

        folder = Path(publish(str(chosen.saved_model), str(run_dir / PUSHED), added))
        finish(run_dir, store)
    return told | {"version": folder.name, "folder": str(folder)}


def plan(run_dir: Path, to: int | None = None, metadata: str | None = None) -> Plan:
    """Finds the version to go back to; raises as `rollback`."""
    store = open_store(run_dir, metadata)
    served = versions(str(run_dir / PUSHED))
    if not served:
        raise PerceiverError(
            f"{run_dir / PUSHED} holds no version, so there is nothing to go back from."
        )
    history, present = pushes(store), served[-1]
    now = next((push for push in history if push.version == present), None)
    target = _named(run_dir, history, present, to) if to else _before(store, history, present, now)
    if target is None:
        raise PerceiverError(
            f"{run_dir} has no blessed version before {present} that was not taken back, so there is "
            "nothing to go back to."
        )
    return Plan(
        present=present,
        target=target,
        saved_model=_saved_model(store, run_dir, history, target),
        taken_back=tuple(_taken_back(store, history, target, now)),
    )


def finish_interrupted(run_dir: Path, metadata: str | None = None) -> str | None:
    """`finish`, if there is a version that says how it came; for a run that begins, in a folder that may be new."""
    served = versions(str(run_dir / PUSHED))
    newest = run_dir / PUSHED / str(served[-1]) if served else None
    if newest is None or not any((newest / name).is_file() for name in (PUSH_FILE, ROLLBACK_FILE)):
        return None
    return finish(run_dir, open_store(run_dir, metadata, write=True))


def finish(run_dir: Path, store: MetadataStore) -> str | None:
    """Does what is left of a push or a rollback whose version is published; returns that version, or None.

    The caller holds the lock of the run folder.
    """
    if pushed := interrupted_push.finish(run_dir, store):
        return pushed
    served = versions(str(run_dir / PUSHED))
    if not served:
        return None
    version = str(served[-1])
    folder = run_dir / PUSHED / version
    kept = facts.read(folder / ROLLBACK_FILE)
    if not kept or kept.get("version") != version:
        return None
    if any(push.version == served[-1] for push in pushes(store)):
        return None
    preset = _preset(store, run_dir, kept)
    model = run_dir / BLESSED / version
    if preset is not None and not model.is_dir():
        model.parent.mkdir(exist_ok=True)
        keep_blessed(run_dir, preset, version)
    record = facts.read(run_dir / "run.json")
    if record:
        told = {key: kept[key] for key in ("version", "of", "from", "because", "time")}
        place = str(model) if model.is_dir() else None
        write_json(
            run_dir / "run.json",
            record | {"pushed_model": str(folder), "model": place, "rollback": told},
        )
    _write_down(store, folder, kept)  # last: what the store knows is finished
    return version


# === Choosing ===


def _named(run_dir: Path, history: list[Push], present: int, to: int) -> Push:
    if to == present:
        raise UsageError(f"--to {to}: that is the version that is served now.")
    found = next((push for push in history if push.version == to), None)
    if found is None:
        others = [str(push.version) for push in history if push.version != present]
        raise UsageError(
            f"--to {to}: {run_dir} has pushed no such version.{nearest(str(to), others)}"
        )
    return found


def _before(
    store: MetadataStore, history: list[Push], present: int, now: Push | None
) -> Push | None:
    """The newest version before the present one, with another model that was not taken back."""
    for push in reversed(history):
        older = push.version < present and (now is None or push.model != now.model)
        if older and withdrawn(store, push.model) is None:
            return push
    return None


def _taken_back(
    store: MetadataStore, history: list[Push], target: Push, now: Push | None
) -> list[int]:
    """The models that came after the target's; and the present one, unless the target itself had been taken back."""
    first: dict[int, int] = {}
    for push in history:
        first.setdefault(push.model, push.version)
    newer = [model for model, version in first.items() if version > first[target.model]]
    if now is not None and now.model not in newer and withdrawn(store, target.model) is None:
        newer.append(now.model)
    return [model for model in newer if model != target.model]


def _saved_model(store: MetadataStore, run_dir: Path, history: list[Push], target: Push) -> Path:
    """Where the whole SavedModel of the version is: in `pushed/`, or else among the artifacts."""
    same = [push for push in history if push.model == target.model]
    (model,) = store.get_artifacts_by_id([target.model])
    copies = store.get_artifacts_by_id([push.artifact for push in same])
    places = [run_dir / PUSHED / str(target.version)]
    places += [run_dir / PUSHED / str(push.version) for push in same]
    places += [local(run_dir, copy.uri) for copy in copies]
    places += [local(run_dir, model.uri) / "Format-Serving"]
    for place in places:
        if place.is_dir() and not missing_files(str(place)):
            return place
    raise PerceiverError(
        f"The files of version {target.version} are gone: {places[0]} and its copies in "
        f"{run_dir / 'artifacts'} were removed. Choose another version with --to."
    )


def _told(store: MetadataStore, chosen: Plan, because: str) -> dict[str, Any]:
    history = pushes(store)
    back = [push.version for push in history if push.model in chosen.taken_back]
    return {
        "from": str(chosen.present),
        "of": str(_original(history, chosen.target)),
        "because": because,
        "taken_back": [str(version) for version in back],
        "version": None,
        "folder": None,
    }


def _original(history: list[Push], target: Push) -> int:
    """The version in which the model was first pushed, if the target is itself a rollback's."""
    known = {push.version: push for push in history}
    while target.of is not None and target.of in known:
        target = known[target.of]
    return target.version


def _card(chosen: Plan, lineage: dict[str, Any], push: dict[str, Any]) -> dict[str, str]:
    """The card of the new version: that of the old one, which says what it is and why it is there again."""
    before = facts.read(chosen.saved_model / model_card.JSON_FILE)
    return model_card.files(model_card.judged(before, lineage | {"push": push}))


# === Writing down ===


def _preset(store: MetadataStore, run_dir: Path, kept: dict[str, Any]) -> Path | None:
    (model,) = store.get_artifacts_by_id([kept["model"]])
    places = (run_dir / BLESSED / kept["of"], local(run_dir, model.uri) / PRESET)
    return next((place for place in places if place.is_dir()), None)


def _write_down(store: MetadataStore, folder: Path, kept: dict[str, Any]) -> None:
    """The rollback as an execution: it reads the model, puts out a PushedModel, and marks the models taken back.

    All of it is one transaction of the store.
    """
    ids = [kept["model"], kept["pushed_model"], *kept["taken_back"]]
    known = {artifact.id: artifact for artifact in store.get_artifacts_by_id(ids)}
    target, before = known[kept["model"]], known[kept["pushed_model"]]
    if WITHDRAWN in target.custom_properties:
        del target.custom_properties[WITHDRAWN]
    ends = [(target, _event("model", Event.INPUT)), (before, _event("version", Event.INPUT))]
    for number, model in enumerate(kept["taken_back"]):
        reason = f"version {kept['version']} is version {kept['of']} again: {kept['because']}"
        if not artifact_node(known[model]).properties.get(WITHDRAWN):
            known[model].custom_properties[WITHDRAWN].string_value = reason
        ends.append((known[model], _event("withdrawn", Event.INPUT, number)))
    pushed = metadata_store_pb2.Artifact(
        type_id=before.type_id, uri=str(folder), state=metadata_store_pb2.Artifact.LIVE
    )
    _set(pushed, pushed=1, pushed_destination=str(folder), pushed_version=folder.name)
    ends.append((pushed, _event("pushed_model", Event.OUTPUT)))
    if blessing := _blessing(store, kept):
        ends.append((blessing, _event("blessing", Event.OUTPUT)))
    kind = metadata_store_pb2.ExecutionType(name=f"{__name__}.{ROLLBACK}")
    execution = Execution(
        type_id=store.put_execution_type(kind, can_omit_fields=True),
        last_known_state=Execution.COMPLETE,
    )
    _set(
        execution, of=int(kept["of"]), instead_of=int(kept["from"]), because=kept["because"]
    )  # fmt: skip
    store.put_execution(execution, ends, _contexts(store, before.id), force_reuse_context=True)


def _blessing(store: MetadataStore, kept: dict[str, Any]) -> metadata_store_pb2.Artifact | None:
    """The blessing with which the model was first pushed, given again; None if it was pushed without one."""
    history = {str(push.version): push for push in pushes(store)}
    first = read_executions(store, [history[kept["of"]].execution])
    (ids,) = [execution.inputs.get("model_blessing") for execution in first.values()]
    if not ids:
        return None
    (blessing,) = store.get_artifacts_by_id(ids[:1])
    again = metadata_store_pb2.Artifact(
        type_id=blessing.type_id, uri=blessing.uri, state=metadata_store_pb2.Artifact.LIVE
    )
    for name, value in blessing.custom_properties.items():
        again.custom_properties[name].CopyFrom(value)
    _set(again, blessed=1, **{BECAUSE: kept["because"]})
    return again


def _contexts(store: MetadataStore, pushed: int) -> list[metadata_store_pb2.Context]:
    """The pipeline's, and one for this component, as TFX has them."""
    found = {context.type: context for context in store.get_contexts_by_artifact(pushed)}
    pipeline = found.get("pipeline")
    if pipeline is None:
        return []
    name = f"{pipeline.name}.{ROLLBACK}"
    node = store.get_context_by_type_and_name("node", name)
    if node is None:
        kind = store.get_context_type("node")
        node = metadata_store_pb2.Context(type_id=kind.id, name=name)
        (node.id,) = store.put_contexts([node])
    return [pipeline, node]


def _event(name: str, kind: Any, index: int = 0) -> Event:
    event = Event(type=kind)
    event.path.steps.add().key = name
    event.path.steps.add().index = index
    return event


def _set(node: Any, **properties: int | str) -> None:
    for name, value in properties.items():
        kind = "int_value" if isinstance(value, int) else "string_value"
        setattr(node.custom_properties[name], kind, value)
