"""Stops a run whose data is not what its schema allows, before anything is trained.

The data is held against the accepted schema and the data it was made from (`accepted_schema.py`); of a first run,
against what its own splits say of each other. What is looked for, and what may be chance, is in `data_checks.py`,
`class_checks.py` and `comparators.py`; docs/data_checks.md has all of it for people.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

from absl import logging
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils

from perceiver_keras.components import schema_gen
from perceiver_keras.components.cluster import kept
from perceiver_keras.components.data import acceptance, data_checks, split_statistics
from perceiver_keras.components.data.anomaly import Anomaly
from perceiver_keras.components.leak_detector import PerceiverLeaks
from perceiver_keras.errors import PerceiverError

ANOMALIES_FILE = "anomalies.json"
STOPPED = "stopped"  # the folder, next to the artifacts, with what made runs stop
MOST_TOLD = 3  # anomalies in an error message


class ExampleValidatorExecutor(base_beam_executor.BaseBeamExecutor):
    """Writes anomalies.json, and Split-<name>/SchemaDiff.pb for TFDV's viewers, into the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        artifact = artifact_utils.get_single_instance(output_dict["anomalies"])
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        splits = artifact_utils.decode_split_names(statistics.split_names)
        splits.sort(key=lambda split: split != "train")
        proposal = artifact_utils.get_single_instance(input_dict["schema"])
        limits = data_checks.Limits(
            drift=exec_properties["max_drift"],
            class_drift=exec_properties["max_class_drift"],
            leak_share=exec_properties["max_leak_share"],
            corrupt_share=exec_properties.get("max_corrupt_share") or 0.0,
        )
        against = next(iter(input_dict.get("accepted") or ()), None)
        run = data_checks.Run(
            statistics={split: split_statistics.load(statistics.uri, split) for split in splits},
            schema=_schema(proposal),
            described=artifact_utils.get_single_instance(input_dict["described"]).uri,
            fingerprints=artifact_utils.get_single_instance(input_dict["fingerprints"]).uri,
            leaks=artifact_utils.get_single_instance(input_dict["leaks"]).uri,
        )
        found = data_checks.check(
            run,
            None if against is None else _accepted(against, proposal),
            limits,
            self._make_beam_pipeline,
        )
        on_anomaly = exec_properties["on_anomaly"]
        anomalies = found.anomalies
        page = {
            "clean": not any(anomaly.stops for anomaly in anomalies),
            "on_anomaly": on_anomaly,
            "against": None if against is None else _against(against),
            "anomalies": [anomaly.as_json() for anomaly in anomalies],
            "drift": found.drift,
            "skew": found.skew,
        }
        content = json.dumps(page, indent=2, ensure_ascii=False)
        io_utils.write_string_file(os.path.join(artifact.uri, ANOMALIES_FILE), content)
        for split, difference in found.differences.items():
            path = os.path.join(artifact.uri, f"Split-{split}", "SchemaDiff.pb")
            io_utils.write_bytes_file(path, difference.SerializeToString())
        artifact.split_names = artifact_utils.encode_split_names(splits)
        artifact.set_int_custom_property(acceptance.CLEAN, int(page["clean"]))
        artifact.set_int_custom_property(acceptance.SCHEMA_ID, proposal.id)
        artifact.set_int_custom_property(
            acceptance.AGAINST_ID, 0 if against is None else against.id
        )
        for anomaly in anomalies:
            logging.warning("%s: %s", anomaly.kind, anomaly.text)
        stopping = [anomaly for anomaly in anomalies if anomaly.stops]
        if stopping and on_anomaly == "stop":
            keep(artifact.uri, content)
            raise PerceiverError(_message(stopping, _advice(exec_properties)))


class ExampleValidatorSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "on_anomaly": component_spec.ExecutionParameter(type=str),
        "max_leak_share": component_spec.ExecutionParameter(type=float),
        "max_drift": component_spec.ExecutionParameter(type=float),
        "max_class_drift": component_spec.ExecutionParameter(type=float),
        "max_corrupt_share": component_spec.ExecutionParameter(type=float, optional=True),
        "run_dir": component_spec.ExecutionParameter(type=str, optional=True),
        "shared": component_spec.ExecutionParameter(type=str, optional=True),
        "code": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "accepted": component_spec.ChannelParameter(
            type=standard_artifacts.Schema, optional=True, allow_empty=True
        ),
        "described": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "fingerprints": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "leaks": component_spec.ChannelParameter(type=PerceiverLeaks),
    }
    OUTPUTS = {
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies)
    }


class ExampleValidator(base_beam_component.BaseBeamComponent):
    """Finds anomalies, and stops the run for those that chance does not explain.

    `outputs["anomalies"]` is a standard ExampleAnomalies artifact with anomalies.json. Of a run that stops it is
    removed by TFX; the file stays in `artifacts/ExampleValidator/stopped/EXECUTION/`.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(ExampleValidatorExecutor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        described: types.BaseChannel,
        fingerprints: types.BaseChannel,
        leaks: types.BaseChannel,
        accepted: types.BaseChannel | None = None,
        on_anomaly: str = "stop",
        max_leak_share: float = 0.01,
        max_drift: float = 0.1,
        max_class_drift: float = 0.1,
        max_corrupt_share: float = 0.0,
        run_dir: str | None = None,
        shared: str | None = None,
        code: str | None = None,
        id: str | None = None,
    ):
        """Only the values of the arguments, and the inputs, decide whether TFX takes the result from its cache.

        Args:
          statistics: StatisticsGen's, of `described`.
          schema: SchemaGen's proposal.
          described, fingerprints: Describe's.
          leaks: LeakDetector's.
          accepted: The resolver's (`accepted_schema.py`); None or empty: the data is held against itself.
          on_anomaly, max_leak_share, max_drift, max_class_drift, max_corrupt_share: The settings `data.…`.
          run_dir: The run folder, for the error message.
          shared: The folder that all runs on a cluster share, which then has the accepted schema; for the same.
          code: Changes with the code that checks; only for the cache.
          id: The component's name in the pipeline.
        """
        super().__init__(
            spec=ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                described=described,
                fingerprints=fingerprints,
                leaks=leaks,
                accepted=accepted,
                on_anomaly=on_anomaly,
                max_leak_share=float(max_leak_share),
                max_drift=float(max_drift),
                max_class_drift=float(max_class_drift),
                max_corrupt_share=float(max_corrupt_share),
                run_dir=run_dir,
                shared=shared,
                code=code,
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
        if id:
            self.with_id(id)


def keep(uri: str, content: str) -> str:
    """Copies anomalies.json out of the artifact, which TFX removes if the component fails; returns where it is."""
    component = os.path.dirname(os.path.dirname(uri.rstrip("/")))
    path = os.path.join(component, STOPPED, os.path.basename(uri.rstrip("/")), ANOMALIES_FILE)
    io_utils.write_string_file(path, content)
    return path


def _schema(artifact: types.Artifact) -> schema_pb2.Schema:
    found = schema_gen.read(artifact.uri)
    if found is None:
        raise PerceiverError(
            f"The schema in {artifact.uri} is gone; accept another: `perceiver schema accept RUN_DIR`, "
            "or run with --no-cache to make it again."
        )
    return found


def _accepted(artifact: types.Artifact, proposal: types.Artifact) -> data_checks.Accepted:
    return data_checks.Accepted(
        schema=_schema(artifact),
        statistics=schema_gen.reference_statistics(artifact.uri),
        fingerprints=_fingerprints(artifact),
        by_hand=bool(artifact.get_string_custom_property(acceptance.BECAUSE)),
        own=artifact.id == proposal.id,
    )


def _fingerprints(schema: types.Artifact) -> str:
    """The folder of the fingerprints; a schema that was kept on a cluster has them below its own."""
    uri = schema.get_string_custom_property("fingerprints_uri")
    return os.path.join(schema.uri, uri) if uri else uri


def _against(artifact: types.Artifact) -> dict[str, str]:
    run = artifact.get_string_custom_property(acceptance.RUN)
    return {"schema_uri": artifact.uri, "run": run}


def _advice(exec_properties: dict[str, Any]) -> str:
    """How to take a change of the data that is intended."""
    if shared := exec_properties.get("shared"):
        schemas = os.path.join(shared, kept.SCHEMAS)
        number = max(kept.numbers(schemas), default=0) + 1
        return f"copy this run's artifact `schema` of SchemaGen to {schemas}/{number}; "
    run_dir = shlex.quote(exec_properties.get("run_dir") or "RUN_DIR")
    return (
        f"see it with `perceiver schema diff {run_dir}` and take it with `perceiver schema accept {run_dir}`; for "
        "another data set choose another --run-dir; "
    )


def _message(stopping: list[Anomaly], advice: str) -> str:
    """The first few, each once with all splits that have it, and what can be done."""
    groups: dict[tuple[str, str], list[Anomaly]] = {}
    for anomaly in stopping:
        groups.setdefault((anomaly.feature, anomaly.kind), []).append(anomaly)
    told = []
    for first, *others in list(groups.values())[:MOST_TOLD]:
        also = ", ".join(dict.fromkeys(a.split for a in others if a.split != first.split))
        told.append(f"{first.text.rstrip('.')}{f' (also in {also})' if also else ''}.")
    more = f" And {len(groups) - MOST_TOLD} more." if len(groups) > MOST_TOLD else ""
    count = "an anomaly" if len(groups) == 1 else f"{len(groups)} anomalies"
    return (
        f"The data has {count}: {' '.join(told)}{more} Fix the data; or, if this change is intended, {advice}"
        "--set data.on_anomaly=report goes on all the same."
    )
