"""The data part of the pipeline on made-up data: SchemaGen, the resolver and ExampleValidator in TFX, with a store.

The artifacts of Describe, StatisticsGen and LeakDetector are written by one component, in seconds.
"""

import json
import os
from typing import NamedTuple

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx.utils import io_utils

from perceiver_keras.components.accepted_schema import LatestAcceptedSchema
from perceiver_keras.components.data import acceptance, split_statistics
from perceiver_keras.components.example_validator import ExampleValidator
from perceiver_keras.components.leak_detector import PerceiverLeaks
from perceiver_keras.components.schema_gen import SchemaGen
from perceiver_keras.config_tree import to_json
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks import registry
from tests.components import described_data

TASK = registry.get("image_classification")
CHANGES = {
    "clean": lambda splits: splits,
    "other clean": lambda splits: described_data.splits(1),
    "larger": lambda splits: _each(splits, lambda row: row | {"image/height": 9}),
    "swapped labels": lambda splits: _each(splits, _swap),
    "one class": lambda splits: splits | {"test": _only_ants(splits["test"])},
}


@component
def MakeData(  # noqa: N802
    described: OutputArtifact[standard_artifacts.Examples],
    fingerprints: OutputArtifact[standard_artifacts.Examples],
    statistics: OutputArtifact[standard_artifacts.ExampleStatistics],
    leaks: OutputArtifact[PerceiverLeaks],
    change: Parameter[str],
) -> None:
    """One of `CHANGES`."""
    splits = CHANGES[change](described_data.splits(0))
    described_data.write_described(described.uri, splits)
    described_data.write_fingerprints(fingerprints.uri, splits)
    described_data.write_leaks(leaks.uri)
    for split, rows in splits.items():
        path = os.path.join(statistics.uri, f"Split-{split}", split_statistics.FILE)
        io_utils.write_bytes_file(path, described_data.statistics(rows).SerializeToString())
    for artifact in (described, fingerprints, statistics):
        artifact.split_names = artifact_utils.encode_split_names(sorted(splits))


def create(folder: str, change: str, classes=None, **limits):
    """The pipeline in `folder`, as a run folder has it."""
    made = MakeData(change=change)
    schema_gen = SchemaGen(
        statistics=made.outputs["statistics"],
        described=made.outputs["described"],
        fingerprints=made.outputs["fingerprints"],
        task=TASK.name,
        config_json=to_json(TASK.preset("tiny").config),
        labels_json=json.dumps(classes or described_data.CLASSES),
    )
    accepted = Resolver(
        strategy_class=LatestAcceptedSchema,
        schema=Channel(type=standard_artifacts.Schema),
        anomalies=Channel(type=standard_artifacts.ExampleAnomalies),
        proposal=schema_gen.outputs["schema"],
    ).with_id("accepted_schema")
    validator = ExampleValidator(
        statistics=made.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        accepted=accepted.outputs["schema"],
        described=made.outputs["described"],
        fingerprints=made.outputs["fingerprints"],
        leaks=made.outputs["leaks"],
        run_dir=folder,
        **limits,
    )
    return Pipeline(
        pipeline_name="data",
        pipeline_root=f"{folder}/artifacts",
        components=[made, schema_gen, accepted, validator],
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            f"{folder}/metadata.sqlite"
        ),
    )


class Run(NamedTuple):
    """What became of a run.

    Attributes:
      error: Why it stopped; None if it did not.
      states: "COMPLETE", "CACHED" or "FAILED" by component.
      page: anomalies.json; None if it stopped.
      proposal: The artifact of the schema that it proposed.
      run_id: Its name.
      store: The metadata store.
    """

    error: Exception | None
    states: dict[str, str]
    page: dict | None
    proposal: metadata_store_pb2.Artifact
    run_id: str
    store: MetadataStore


def run(folder: str, change: str = "clean", **kwargs) -> Run:
    """Runs it, and looks into the store."""
    error = None
    try:
        LocalDagRunner().run(create(folder, change, **kwargs))
    except PerceiverError as caught:
        error = caught
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = f"{folder}/metadata.sqlite"
    store = MetadataStore(config)
    context = max(store.get_contexts_by_type("pipeline_run"), key=lambda found: found.id)
    names = {kind.id: kind.name.rsplit(".", 1)[-1] for kind in store.get_execution_types()}
    executions = {names[e.type_id]: e for e in store.get_executions_by_context(context.id)}
    states = {
        name: metadata_store_pb2.Execution.State.Name(execution.last_known_state)
        for name, execution in executions.items()
    }
    page = None
    if error is None:
        (anomalies,) = _outputs(store, executions["ExampleValidator"], "anomalies")
        with open(f"{anomalies.uri}/anomalies.json") as file:
            page = json.load(file)
    (proposal,) = _outputs(store, executions["SchemaGen"], "schema")
    return Run(error, states, page, proposal, context.name, store)


def accepted(store: MetadataStore) -> int | None:
    """The id of the accepted schema, for a run with another proposal."""
    anomalies = store.get_artifacts_by_type("ExampleAnomalies")
    return acceptance.accepted(store.get_artifacts_by_type("Schema"), anomalies)


def _outputs(store, execution, name):
    events = store.get_events_by_execution_ids([execution.id])
    output = metadata_store_pb2.Event.OUTPUT
    ids = [e.artifact_id for e in events if e.type == output and e.path.steps[0].key == name]
    return store.get_artifacts_by_id(ids)


def _each(splits, change):
    return {split: [change(row) for row in rows] for split, rows in splits.items()}


def _swap(row):
    other = {b"ant": b"bee", b"bee": b"ant"}
    return row | {"label": other.get(row["label"], row["label"])}


def _only_ants(rows):
    return [row | {"label": b"ant"} for row in rows]
