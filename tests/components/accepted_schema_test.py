"""Which schema a run is held against, in a real metadata store: the first that passed, or the one taken by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perceiver_keras.components.accepted_schema import LatestAcceptedSchema
from perceiver_keras.components.data import acceptance
from tests.components import data_pipeline

pytestmark = pytest.mark.tfx
CACHED = {"MakeData", "SchemaGen", "ExampleValidator"}


def take(run, because: str) -> None:
    """As `perceiver schema accept` marks a proposal."""
    run.proposal.custom_properties[acceptance.BECAUSE].string_value = because
    run.proposal.custom_properties[acceptance.AT].int_value = 1
    run.store.put_artifacts([run.proposal])


@pytest.mark.slow
def test_a_schema_stays_until_another_is_accepted(tmp_path: Path) -> None:
    folder = str(tmp_path)
    # The first run: nothing to compare with; its data passes, so its schema is the accepted one.
    first = data_pipeline.run(folder)
    assert first.error is None and first.page["clean"] and first.page["against"] is None
    assert data_pipeline.accepted(first.store) == first.proposal.id

    # The same run again: everything comes from the cache.
    again = data_pipeline.run(folder)
    assert {name for name, state in again.states.items() if state == "CACHED"} == CACHED

    # Other clean data is held against the first, passes, and does not replace it.
    other = data_pipeline.run(folder, "other clean")
    assert other.error is None and other.page["clean"]
    assert other.page["against"] == {"schema_uri": first.proposal.uri, "run": first.run_id}
    assert {item["split"] for item in other.page["drift"]} == {"train", "validation", "test"}
    assert data_pipeline.accepted(other.store) == first.proposal.id

    # Data that differs stops the run, and what was found stays when TFX removes the artifact.
    stopped = data_pipeline.run(folder, "larger")
    assert "image/height: 300 of 300 examples of train have 9; accepted is 8 (also in " in str(
        stopped.error
    )
    assert f"perceiver schema accept {folder}" in str(stopped.error)
    assert stopped.states["ExampleValidator"] == "FAILED"
    (kept,) = (tmp_path / "artifacts/ExampleValidator/stopped").glob("*/anomalies.json")
    assert not json.loads(kept.read_text())["clean"]
    assert data_pipeline.accepted(stopped.store) == first.proposal.id

    # Accepted by hand, the same run passes, held against its own schema; and again, from the cache.
    take(stopped, "larger pictures from May on")
    taken = data_pipeline.run(folder, "larger")
    assert taken.error is None and taken.page["clean"]
    assert taken.page["against"]["schema_uri"] == stopped.proposal.uri
    assert data_pipeline.run(folder, "larger").states["ExampleValidator"] == "CACHED"

    # Now the first data is what differs, although its result from before is in the cache.
    assert "have 8; accepted is 9" in str(data_pipeline.run(folder).error)


@pytest.mark.slow
def test_report_goes_on_and_accepts_nothing(tmp_path: Path) -> None:
    reported = data_pipeline.run(str(tmp_path), "one class", on_anomaly="report")
    assert reported.error is None
    assert not reported.page["clean"] and reported.page["on_anomaly"] == "report"
    assert "one class" in {anomaly["kind"] for anomaly in reported.page["anomalies"]}
    assert data_pipeline.accepted(reported.store) is None
    clean = data_pipeline.run(str(tmp_path))
    assert clean.error is None and clean.page["against"] is None
    assert data_pipeline.accepted(clean.store) == clean.proposal.id


@pytest.mark.slow
def test_labels_that_changed_are_found_through_the_fingerprints(tmp_path: Path) -> None:
    data_pipeline.run(str(tmp_path))
    error = str(data_pipeline.run(str(tmp_path), "swapped labels").error)
    assert "examples that are also in the accepted data have another label now" in error
    assert "from 'ant' to 'bee'" in error


def test_the_resolver_gives_the_proposal_back_and_no_anomalies() -> None:
    found = LatestAcceptedSchema().resolve_artifacts(
        None, {"schema": [], "anomalies": [], "proposal": []}
    )
    assert found == {"schema": [], "anomalies": [], "proposal": []}
