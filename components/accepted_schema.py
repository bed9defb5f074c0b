"""The schema that the data of a run is held against: the accepted one.

It is the latest that a person accepted (`perceiver schema accept`), or else the first whose data passed while there
was none. Later proposals whose data passes do not replace it: many small drifts must not add up unseen.

A run's own proposal counts only if a person accepted it. In an identical second run, the first run's proposal would
otherwise be found, ExampleValidator would have another input than before, run again, and hold the data against itself;
so it has none, as in the first run, and the result comes from the cache (see `baseline.py`).

In a pipeline:

    accepted_schema = Resolver(
        strategy_class=LatestAcceptedSchema,
        schema=Channel(type=Schema),
        anomalies=Channel(type=ExampleAnomalies),
        proposal=schema_gen.outputs["schema"],
    ).with_id("accepted_schema")
    ExampleValidator(schema=schema_gen.outputs["schema"], accepted=accepted_schema.outputs["schema"], ...)
"""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy

from perceiver_keras.components.data.acceptance import accepted

Artifacts = dict[str, list[types.Artifact]]


class LatestAcceptedSchema(ResolverStrategy):
    """Resolves `schema` to the accepted schema, at most one; `proposal` stays as it is."""

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: Artifacts) -> Artifacts:
        """Returns {"schema": at most one, "anomalies": none, "proposal": as given}."""
        chosen = accepted(
            [artifact.mlmd_artifact for artifact in input_dict["schema"]],
            [artifact.mlmd_artifact for artifact in input_dict["anomalies"]],
            {artifact.id for artifact in input_dict["proposal"]},
        )
        found = [artifact for artifact in input_dict["schema"] if artifact.id == chosen]
        return {"schema": found[:1], "anomalies": [], "proposal": input_dict["proposal"]}
