"""The versions that a run folder has published, and whose models they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.components.model.facts import WITHDRAWN
from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.pipeline.graph import artifact_node, made_by, read_executions

PUSHED, BLESSED = "pushed", "blessed"
ROLLBACK = "Rollback"  # the component that publishes an older version again
_OF_RUN = ("metadata.sqlite", "run.json", "unfinished.json", "run.lock")


@dataclass(frozen=True, kw_only=True)
class Push:
    """One version, as the store has it.

    Attributes:
      version: Its number.
      artifact: The id of the PushedModel.
      model: The id of the Model.
      execution: The id of what pushed it.
      time: In milliseconds since 1970.
      of: The version that a rollback published again, or None.
      instead_of: The version that it replaced then.
      because: Why.
    """

    version: int
    artifact: int
    model: int
    execution: int
    time: int
    of: int | None = None
    instead_of: int | None = None
    because: str | None = None


def locate(place: Path) -> tuple[Path, int | None]:
    """(run folder, version) that a path names: RUN, RUN/pushed, RUN/pushed/VERSION or RUN/blessed/VERSION.

    Raises:
      UsageError: it names none of these.
    """
    place = Path(place).expanduser().absolute()
    if _is_run(place):
        return place, None
    if place.name in (PUSHED, BLESSED) and _is_run(place.parent):
        return place.parent, None
    above = place.parent
    if place.name.isdecimal() and above.name in (PUSHED, BLESSED) and _is_run(above.parent):
        return above.parent, int(place.name)
    what = "does not exist" if not place.exists() else "is none of these"
    raise UsageError(
        f"{place} {what}: name a folder of `perceiver run`, or RUN_DIR/pushed/VERSION in it."
    )


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in _OF_RUN)


def local(run_dir: Path, uri: str) -> Path:
    """Where an artifact is now: run folders are moved and copied, and the store keeps the old address."""
    inside = run_dir / "artifacts" / uri.rpartition("/artifacts/")[2]
    return inside if "/artifacts/" in uri and inside.exists() else Path(uri)


def follow_move(store: MetadataStore, run_dir: Path) -> int:
    """Writes the new addresses of a run folder that was moved or copied into its store; returns how many artifacts.

    A run reads what earlier ones left by the addresses in the store: accepted data, blessed models, cached results. The
    end of an artifact's address is its own in a store, so that what lies there in `run_dir` is the artifact.
    """
    changed = []
    for artifact in store.get_artifacts():
        was = metadata_store_pb2.Artifact()
        was.CopyFrom(artifact)
        artifact.uri = _moved(run_dir, artifact.uri)
        for value in artifact.custom_properties.values():
            if value.WhichOneof("value") == "string_value":
                value.string_value = _moved(run_dir, value.string_value)
        if artifact != was:
            changed.append(artifact)
    if changed:
        store.put_artifacts(changed)
    return len(changed)


def _moved(run_dir: Path, uri: str) -> str:
    found = local(run_dir, uri) if uri.startswith("/") else Path(uri)
    return uri if found == Path(uri) else str(found)


def pushes(store: MetadataStore) -> list[Push]:
    """All versions that were pushed, the oldest first."""
    found = []
    for artifact in map(artifact_node, _artifacts(store, "PushedModel")):
        version = str(artifact.properties.get("pushed_version") or "")
        if artifact.properties.get("pushed") != 1 or not version.isdecimal():
            continue
        maker = made_by(store, artifact.id)
        if maker is None or "model" not in maker.inputs:
            continue
        again = maker.component == ROLLBACK
        found.append(
            Push(
                version=int(version),
                artifact=artifact.id,
                model=maker.inputs["model"][0],
                execution=maker.id,
                time=artifact.time,
                of=maker.properties.get("of") if again else None,
                instead_of=maker.properties.get("instead_of") if again else None,
                because=maker.properties.get("because") if again else None,
            )
        )
    return sorted(found, key=lambda push: push.version)


def push_of(store: MetadataStore, run_dir: Path, version: int | None) -> Push | None:
    """The push of a version, or the newest; None if `version` is None and nothing was pushed.

    Raises:
      PerceiverError: there is no such version.
    """
    found = pushes(store)
    if version is None:
        return found[-1] if found else None
    for push in found:
        if push.version == version:
            return push
    names = [str(push.version) for push in found]
    raise PerceiverError(
        f"The metadata of {run_dir} know no version {version}."
        + (nearest(str(version), names) or " Nothing was pushed there.")
    )


def last_model(store: MetadataStore) -> int | None:
    """The model of the last run that trained one or took one from the cache; None without any."""
    made = [
        execution
        for kind in store.get_execution_types()
        if kind.name.endswith("Trainer")
        for execution in store.get_executions_by_type(kind.name)
    ]
    nodes = read_executions(store, {execution.id for execution in made})
    done = [n for n in nodes.values() if n.outputs.get("model")]
    newest = max(done, key=lambda node: node.id, default=None)
    return newest.outputs["model"][0] if newest else None


def withdrawn(store: MetadataStore, model: int) -> str | None:
    """Why a model was taken back; None if it was not."""
    (found,) = store.get_artifacts_by_id([model])
    return artifact_node(found).properties.get(WITHDRAWN) or None


def _artifacts(store: MetadataStore, kind: str) -> list:
    known = {found.name for found in store.get_artifact_types()}
    return store.get_artifacts_by_type(kind) if kind in known else []
