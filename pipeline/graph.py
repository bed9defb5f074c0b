"""The part of the ML Metadata store that leads to one artifact: executions and artifacts, back to the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.pipeline.store import RUN_TYPE, notes_of, value_of

Event, Execution = metadata_store_pb2.Event, metadata_store_pb2.Execution
# Inputs that are compared with and lead to another model's history.
OTHERS = ("baseline_model", "baseline_blessing", "baseline", "accepted", "withdrawn")
DONE = (Execution.COMPLETE, Execution.CACHED)


@dataclass(frozen=True, kw_only=True)
class ArtifactNode:
    """An artifact as the store has it; `time` is in milliseconds since 1970."""

    id: int
    type: str
    uri: str
    properties: dict[str, Any]
    time: int


@dataclass(frozen=True, kw_only=True)
class ExecutionNode:
    """One execution of a component.

    Attributes:
      component: Its id in the pipeline.
      run: The name of the pipeline's run; "" for what was not a run.
      notes: What the run wrote about itself.
      inputs, outputs: Name -> ids of artifacts.
      started, ended: In milliseconds since 1970.
    """

    id: int
    component: str
    type: str
    state: str
    run: str
    notes: dict[str, Any]
    properties: dict[str, Any]
    started: int
    ended: int
    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]

    @property
    def seconds(self) -> float:
        return (self.ended - self.started) / 1000


@dataclass
class Graph:
    """Artifacts and executions by their ids; `maker` has the execution that made each artifact."""

    artifacts: dict[int, ArtifactNode] = field(default_factory=dict)
    executions: dict[int, ExecutionNode] = field(default_factory=dict)
    maker: dict[int, int] = field(default_factory=dict)

    def made_by(self, artifact: int | None) -> ExecutionNode | None:
        """The execution that made an artifact, not one that took it from the cache."""
        return self.executions.get(self.maker.get(artifact, -1))

    def component(self, name: str) -> ExecutionNode | None:
        """The newest execution of a component; it may have taken its results from the cache."""
        found = [e for e in self.executions.values() if e.component == name]
        return max(found, key=lambda e: e.id, default=None)

    def first(self, ids: Iterable[int]) -> ArtifactNode | None:
        return next((self.artifacts[i] for i in ids if i in self.artifacts), None)


def upstream(store: MetadataStore, artifact: int) -> Graph:
    """All that an artifact was made from; the history of models that it was only compared with is left out."""
    graph, todo = Graph(), [artifact]
    while todo:
        makers = _makers(store, todo)
        executions = set(makers.values()) - graph.executions.keys()
        graph.maker |= makers
        nodes = read_executions(store, executions)
        graph.executions |= nodes
        reached = {
            number
            for node in nodes.values()
            for name, numbers in node.inputs.items()
            if name not in OTHERS
            for number in numbers
        }
        todo = sorted(reached - graph.maker.keys())
    linked = {n for e in graph.executions.values() for n in _linked(e)} | {artifact}
    graph.artifacts = read_artifacts(store, linked)
    return graph


def whole_run(store: MetadataStore, run: str) -> Graph:
    """All that one run did, also what no model was made from: checks of the data, reports."""
    context = store.get_context_by_type_and_name(RUN_TYPE, run) if run else None
    found = store.get_executions_by_context(context.id) if context else []
    graph = Graph(
        executions=read_executions(store, {e.id for e in found if e.last_known_state in DONE})
    )
    linked = {n for e in graph.executions.values() for n in _linked(e)}
    graph.artifacts = read_artifacts(store, linked)
    graph.maker = _makers(store, sorted(linked))
    makers = set(graph.maker.values()) - graph.executions.keys()
    earlier = read_executions(store, makers)
    return Graph(graph.artifacts, {**earlier, **graph.executions}, graph.maker)


def made_by(store: MetadataStore, artifact: int) -> ExecutionNode | None:
    """The execution that made an artifact, not one that took it from the cache."""
    makers = _makers(store, [artifact])
    return read_executions(store, makers.values()).get(makers.get(artifact, -1))


def read_artifacts(store: MetadataStore, ids: Iterable[int]) -> dict[int, ArtifactNode]:
    """Artifacts by their ids."""
    return {a.id: artifact_node(a) for a in store.get_artifacts_by_id(sorted(ids))}


def artifact_node(artifact: metadata_store_pb2.Artifact) -> ArtifactNode:
    return ArtifactNode(
        id=artifact.id,
        type=artifact.type,
        uri=artifact.uri,
        properties=_properties(artifact),
        time=artifact.create_time_since_epoch,
    )


def read_executions(store: MetadataStore, ids: Iterable[int]) -> dict[int, ExecutionNode]:
    """Executions by their ids, with the artifacts that each read and made."""
    found = store.get_executions_by_id(sorted(set(ids)))
    ends: dict[int, tuple[dict, dict]] = {e.id: ({}, {}) for e in found}
    if found:
        for event in store.get_events_by_execution_ids(list(ends)):
            is_output = event.type == Event.OUTPUT
            if is_output or event.type == Event.INPUT:
                name = event.path.steps[0].key if event.path.steps else ""
                ends[event.execution_id][is_output].setdefault(name, []).append(event.artifact_id)
    return {e.id: _execution_node(store, e, *ends[e.id]) for e in found}


def _execution_node(
    store: MetadataStore, execution: Execution, inputs: dict, outputs: dict
) -> ExecutionNode:
    component = run = ""
    notes: dict[str, Any] = {}
    for context in store.get_contexts_by_execution(execution.id):
        if context.type == "node":
            component = context.name.partition(".")[2]  # TFX names it PIPELINE.NODE
        elif context.type == RUN_TYPE:
            run, notes = context.name, notes_of(context)
    return ExecutionNode(
        id=execution.id,
        component=component or execution.type.rpartition(".")[2],
        type=execution.type,
        state=Execution.State.Name(execution.last_known_state),
        run=run,
        notes=notes,
        properties=_properties(execution),
        started=execution.create_time_since_epoch,
        ended=execution.last_update_time_since_epoch,
        inputs=inputs,
        outputs=outputs,
    )


def _makers(store: MetadataStore, artifacts: list[int]) -> dict[int, int]:
    """Artifact -> the first execution that put it out: the others took it from the cache."""
    if not artifacts:
        return {}
    found: dict[int, int] = {}
    for event in store.get_events_by_artifact_ids(artifacts):
        if event.type == Event.OUTPUT:
            old = found.get(event.artifact_id, event.execution_id)
            found[event.artifact_id] = min(old, event.execution_id)
    return found


def _linked(execution: ExecutionNode) -> set[int]:
    ends = (execution.inputs, execution.outputs)
    return {number for some in ends for numbers in some.values() for number in numbers}


def _properties(node: Any) -> dict[str, Any]:
    both = [*node.properties.items(), *node.custom_properties.items()]
    return {name: value_of(value) for name, value in both}
