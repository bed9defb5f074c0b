"""What runs in a container of a compiled pipeline: one component, as the platform describes it in `ExecutorInput`.

TFX has such an entry point, too. This one in addition

- gives the component copies of remote artifacts on this machine, and copies its outputs back;
- does not give it inputs that are marked as absent (`components/cluster/kept.py`);
- knows our artifact types;
- says in one line what went wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from absl import logging as absl_logging
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base import base_beam_executor, base_executor
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entry
from tfx.orchestration.portable import outputs_utils
from tfx.types import Artifact, standard_artifacts
from tfx.utils import import_utils

from perceiver_keras.components.cluster.kept import ABSENT
from perceiver_keras.components.cluster.staging import is_remote, launchers_copies, local_copies
from perceiver_keras.errors import PerceiverError
from perceiver_keras.pipeline import titles

Artifacts = dict[str, list[Artifact]]


def main(arguments: list[str] | None = None) -> int:
    """Runs the component; returns the exit code."""
    known, beam_args = _parser().parse_known_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    absl_logging.set_verbosity(absl_logging.INFO)
    try:
        run(
            known.executor_class_path,
            json_format.Parse(
                known.json_serialized_invocation_args,
                pipeline_spec_pb2.ExecutorInput(),
                ignore_unknown_fields=True,  # of newer platforms
            ),
            json_format.Parse(
                known.json_serialized_inputs_spec_args, pipeline_spec_pb2.ComponentInputsSpec()
            ),
            beam_args,
        )
    except PerceiverError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def run(
    executor_path: str,
    given: pipeline_spec_pb2.ExecutorInput,
    inputs_spec: pipeline_spec_pb2.ComponentInputsSpec,
    beam_args: list[str],
) -> None:
    """Calls the executor, and writes what it says about its outputs to `given.outputs.output_file`."""
    titles.tell_tfx()
    names: dict[int, str] = {}
    inputs = _present(entry.parse_raw_artifact_dict(given.inputs.artifacts, names))
    outputs = entry.parse_raw_artifact_dict(given.outputs.artifacts, names)
    properties = entry.parse_execution_properties(
        given.inputs.parameter_values, given.inputs.parameters, inputs_spec
    )
    executor_class = import_utils.import_class_by_path(executor_path)
    with _within_reach(
        executor_class, given.outputs.output_file, inputs, outputs, beam_args
    ) as tmp:
        executor = executor_class(_context(executor_class, tmp, beam_args))
        executor.Do(inputs, outputs, properties)
    outputs_utils.tag_output_artifacts_with_version(outputs)
    for artifacts in outputs.values():
        for artifact in artifacts:
            if isinstance(artifact, standard_artifacts.ModelBlessing):
                # Ids are numbers for TFX, and names for the platform's metadata store.
                _name_models(artifact, names)
    found = pipeline_spec_pb2.ExecutorOutput()
    for name, artifacts in entry.translate_executor_output(outputs, names).items():
        found.artifacts[name].CopyFrom(artifacts)
    _write(given.outputs.output_file, json_format.MessageToJson(found))


def _present(inputs: Artifacts) -> Artifacts:
    """Without the artifacts that stand for none; an input without any is not there."""
    kept = {
        name: [artifact for artifact in artifacts if not artifact.get_int_custom_property(ABSENT)]
        for name, artifacts in inputs.items()
    }
    return {name: artifacts for name, artifacts in kept.items() if artifacts}


@contextlib.contextmanager
def _within_reach(
    executor_class: type, output_file: str, inputs: Artifacts, outputs: Artifacts, beam: list[str]
) -> Iterator[str]:
    """Artifacts where the executor can work on them; gives a folder for its temporary files."""
    if getattr(executor_class, "WANTS_REMOTE", False) or _elsewhere(executor_class, beam):
        yield os.path.join(os.path.dirname(output_file), ".temp")
        return
    with tempfile.TemporaryDirectory(prefix="perceiver_component_") as folder:
        if is_remote(output_file):  # Vertex AI: nobody has copied anything
            with local_copies(inputs, outputs):
                yield folder
        else:
            with launchers_copies(inputs, outputs):
                yield folder


def _elsewhere(executor_class: type, beam_args: list[str]) -> bool:
    """Whether Beam's workers, on other machines, read and write the artifacts."""
    runners = [word.partition("=")[2] for word in beam_args if word.startswith("--runner=")]
    is_beam = issubclass(executor_class, base_beam_executor.BaseBeamExecutor)
    return is_beam and bool(runners) and runners[-1] != "DirectRunner"


def _context(executor_class: type, folder: str, beam_args: list[str]) -> Any:
    shared = {"unique_id": os.path.basename(folder), "tmp_dir": folder}
    if issubclass(executor_class, base_beam_executor.BaseBeamExecutor):
        return executor_class.Context(beam_pipeline_args=beam_args, **shared)
    return base_executor.BaseExecutor.Context(extra_flags=beam_args, **shared)


def _name_models(blessing: Artifact, names: dict[int, str]) -> None:
    for key in ("current_model_id", "baseline_model_id"):
        number = blessing.get_int_custom_property(key)
        if number in names:
            blessing.set_string_custom_property(key, names[number])


def _write(path: str, content: str) -> None:
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(content)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m perceiver_keras.pipeline.container")
    for name in ("executor_class_path", "json_serialized_invocation_args"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default=json.dumps({}))
    return parser


if __name__ == "__main__":
    sys.exit(main())
