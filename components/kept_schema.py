"""The accepted schema on a cluster, where no resolver of ours runs: `KeptSchema` finds it, `KeepSchema` keeps one.

The rule is that of `accepted_schema.py`, over the folder that all runs of the pipeline share (`cluster/kept.py`): the
latest that a person accepted, or else the first whose data passed while there was none. A person accepts by copying the
proposal, the artifact `schema` of SchemaGen, to SHARED/schemas/NUMBER with a higher number.

`KeptSchema` must never come from the cache, since what it finds changes; `pipeline/compiled.py` sees to that.
"""

# No `from __future__ import annotations`: TFX reads the annotations as objects.
import os

from absl import logging
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from perceiver_keras.components.cluster import kept
from perceiver_keras.components.cluster.staging import copy_folder
from perceiver_keras.components.data import acceptance

# The folder in a kept schema with the fingerprints of the examples it was made from.
FINGERPRINTS = "fingerprints"
BY_HAND = "it was put into the shared folder"


@component
def KeptSchema(  # noqa: N802 - a component's name
    proposal: InputArtifact[standard_artifacts.Schema],
    schema: OutputArtifact[standard_artifacts.Schema],
    shared: Parameter[str],
) -> None:
    """Copies the accepted schema; marks it as absent if there is none, or if it is this run's own proposal.

    Args:
      proposal: SchemaGen's.
      schema: The folder to write.
      shared: The folder that all runs share.
    """
    accepted = kept.numbers(os.path.join(shared, kept.SCHEMAS))
    if not accepted:
        logging.info("No schema is accepted yet in %s.", shared)
        return kept.nothing(schema)
    folder = os.path.join(shared, kept.SCHEMAS, str(accepted[-1]))
    about = kept.read(os.path.join(folder, kept.FILE))
    if about and about["proposal"] == str(proposal.id):
        logging.info("The accepted schema is that of the same data.")
        return kept.nothing(schema)
    copy_folder(folder, schema.uri)
    schema.set_string_custom_property(acceptance.ROLE, acceptance.DESCRIBED)
    schema.set_string_custom_property(acceptance.RUN, str(about.get("run", "")))
    schema.set_string_custom_property("fingerprints_uri", FINGERPRINTS)
    if not about:
        schema.set_string_custom_property(acceptance.BECAUSE, BY_HAND)
    return None


@component
def KeepSchema(  # noqa: N802 - a component's name
    proposal: InputArtifact[standard_artifacts.Schema],
    fingerprints: InputArtifact[standard_artifacts.Examples],
    anomalies: InputArtifact[standard_artifacts.ExampleAnomalies],
    shared: Parameter[str],
) -> None:
    """Keeps the proposal as the first accepted schema, if the data passed and there is none.

    Args:
      proposal: SchemaGen's.
      fingerprints: Describe's, with which later examples are compared.
      anomalies: ExampleValidator's.
      shared: The folder that all runs share.
    """
    if kept.numbers(os.path.join(shared, kept.SCHEMAS)):
        return
    if anomalies.get_int_custom_property(acceptance.CLEAN) != 1:
        logging.info("The data has anomalies, so its schema is not accepted.")
        return
    folder = os.path.join(shared, kept.SCHEMAS, "1")
    copy_folder(proposal.uri, folder)
    copy_folder(fingerprints.uri, os.path.join(folder, FINGERPRINTS))
    run = proposal.get_string_custom_property(acceptance.RUN)
    kept.write(os.path.join(folder, kept.FILE), {"proposal": str(proposal.id), "run": run})
    logging.info("The schema of this run's data is accepted: %s.", folder)
