"""Which proposal is accepted, by the properties of artifacts."""

from __future__ import annotations

import pytest
from ml_metadata.proto import metadata_store_pb2

from perceiver_keras.components.data.acceptance import accepted, value

pytestmark = pytest.mark.tfx


def artifact(number: int, **properties):
    made = metadata_store_pb2.Artifact(id=number)
    for name, found in properties.items():
        kind = "int_value" if isinstance(found, int) else "string_value"
        setattr(made.custom_properties[name], kind, found)
    return made


def proposal(number: int, **properties):
    return artifact(number, role="described", **properties)


def checked(number: int, schema: int, clean: int = 1, against: int = 0):
    return artifact(number, clean=clean, schema_id=schema, against_id=against)


FIRST = checked(101, 1)


@pytest.mark.parametrize(
    ("schemas", "anomalies", "own", "expected"),
    [
        ([], [], set(), None),
        ([proposal(1)], [], {1}, None),  # the first run, before it is checked
        ([proposal(1)], [FIRST], {1}, None),  # the same again: nothing, as in the first run
        ([proposal(1), proposal(2)], [FIRST], {2}, 1),
        # Later clean data does not move the reference.
        ([proposal(3), proposal(1), proposal(2)], [FIRST, checked(102, 2, 1, 1)], {3}, 1),
        # One that did not pass is none; nor is one that only passed against another.
        ([proposal(1), proposal(2)], [checked(101, 1, 0), checked(102, 2)], {3}, 2),
        ([proposal(1)], [checked(101, 1, 1, 7)], {3}, None),
        # By hand: the latest; also the run's own.
        ([proposal(1), proposal(2, accepted_because="x", accepted_at=5)], [FIRST], {3}, 2),
        ([proposal(1), proposal(2, accepted_because="x", accepted_at=5)], [FIRST], {2}, 2),
        (
            [
                proposal(1, accepted_because="back", accepted_at=9),
                proposal(2, accepted_because="x", accepted_at=5),
            ],
            [FIRST],
            {1},
            1,
        ),
        # The schema of the stored examples, and that of TFX's own SchemaGen, are no proposals.
        ([artifact(1)], [FIRST], set(), None),
        # The accepted schema itself is gone from the store.
        ([proposal(2)], [FIRST], set(), None),
    ],
)
def test_the_first_that_passed_or_the_latest_by_hand(schemas, anomalies, own, expected) -> None:
    assert accepted(schemas, anomalies, own) == expected


def test_a_property_that_is_not_there_is_none() -> None:
    assert value(artifact(1, clean=0), "clean") == 0
    assert value(artifact(1), "clean") is None
