"""Which schema is the accepted one, by the properties of artifacts in a metadata store; without TFX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ml_metadata.proto import metadata_store_pb2

# Custom properties of SchemaGen's proposal: what tells it from other schemas, and the run that made it; of one that a
# person accepted, why and when (milliseconds since 1970).
ROLE, DESCRIBED = "role", "described"
RUN = "run"
BECAUSE, AT = "accepted_because", "accepted_at"
# Custom properties of ExampleValidator's anomalies: whether none stops a run, and the ids of the accepted schema (0:
# there was none) and of the run's own proposal.
CLEAN, AGAINST_ID, SCHEMA_ID = "clean", "against_id", "schema_id"


def accepted(
    schemas: Sequence[metadata_store_pb2.Artifact],
    anomalies: Iterable[metadata_store_pb2.Artifact],
    own: set[int] = frozenset(),
) -> int | None:
    """The id of the accepted one of `schemas`; None if there is none.

    Args:
      schemas: Of a metadata store.
      anomalies: ExampleValidator's, of the same store.
      own: Ids of the run's own proposal.
    """
    proposals = {schema.id: schema for schema in schemas if value(schema, ROLE) == DESCRIBED}
    by_hand = [schema for schema in proposals.values() if value(schema, BECAUSE)]
    if by_hand:
        return max(by_hand, key=lambda schema: (value(schema, AT) or 0, schema.id)).id
    passed = sorted(
        (found.id, value(found, SCHEMA_ID))
        for found in anomalies
        if value(found, CLEAN) == 1 and not value(found, AGAINST_ID)
    )
    first = [schema for _, schema in passed if schema in proposals][:1]
    return first[0] if first and first[0] not in own else None


def value(artifact: metadata_store_pb2.Artifact, key: str) -> Any:
    """A custom property's value; None if it has none."""
    if key not in artifact.custom_properties:
        return None
    found = artifact.custom_properties[key]
    kind = found.WhichOneof("value")
    return getattr(found, kind) if kind else None
