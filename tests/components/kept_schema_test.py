"""The first schema whose data passed is the accepted one, until a person puts another into the shared folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from perceiver_keras.components.cluster.kept import ABSENT
from perceiver_keras.components.data import acceptance
from perceiver_keras.components.kept_schema import KeepSchema, KeptSchema
from tests.components.executed import artifact, execute

pytestmark = pytest.mark.tfx


class Cluster:
    """Runs, by the number of their proposal, that share a folder."""

    def __init__(self, folder):
        self.folder, self.shared = folder, f"file://{folder}/shared"

    def proposal(self, number: int):
        place = self.folder / f"proposal-{number}"
        place.mkdir(exist_ok=True)
        (place / "schema.pbtxt").write_text(f"# {number}")
        made = artifact(standard_artifacts.Schema, number, place)
        made.set_string_custom_property(acceptance.RUN, f"run-{number}")
        return made

    def check(self, number: int, clean: bool = True) -> None:
        """What a run does after its data was checked."""
        examples = artifact(standard_artifacts.Examples, 50, self.folder / f"prints-{number}")
        (self.folder / f"prints-{number}" / "Split-train").mkdir(parents=True)
        (self.folder / f"prints-{number}" / "Split-train" / "data").write_text(f"{number}")
        anomalies = artifact(standard_artifacts.ExampleAnomalies, 60, self.folder / "anomalies")
        anomalies.set_int_custom_property(acceptance.CLEAN, int(clean))
        inputs = {
            "proposal": self.proposal(number), "fingerprints": examples, "anomalies": anomalies
        }  # fmt: skip
        execute(KeepSchema, inputs, {}, shared=self.shared)

    def find(self, number: int):
        """The accepted schema of a run with that proposal; None if it is absent."""
        place = self.folder / f"accepted-{number}"
        shutil.rmtree(place, ignore_errors=True)
        output = {"schema": artifact(standard_artifacts.Schema, 70, place)}
        inputs = {"proposal": self.proposal(number)}
        found = execute(KeptSchema, inputs, output, shared=self.shared)["schema"]
        return None if found.get_int_custom_property(ABSENT) else found


def content(schema, *names) -> str:
    return Path(schema.uri, *names).read_text()


def test_the_first_whose_data_passed_is_accepted_and_stays(tmp_path):
    cluster = Cluster(tmp_path)
    assert cluster.find(1) is None
    cluster.check(1, clean=False)
    assert cluster.find(2) is None
    cluster.check(2)
    cluster.check(3)
    found = cluster.find(4)
    assert content(found, "schema.pbtxt") == "# 2"
    assert found.get_string_custom_property(acceptance.ROLE) == acceptance.DESCRIBED
    assert found.get_string_custom_property(acceptance.RUN) == "run-2"
    assert found.get_string_custom_property(acceptance.BECAUSE) == ""
    # The examples it was made from are known by their fingerprints.
    folder = found.get_string_custom_property("fingerprints_uri")
    assert content(found, folder, "Split-train", "data") == "2"


def test_data_is_not_held_against_its_own_schema(tmp_path):
    cluster = Cluster(tmp_path)
    cluster.check(2)
    assert cluster.find(2) is None


def test_a_person_accepts_by_copying_the_proposal(tmp_path):
    cluster = Cluster(tmp_path)
    cluster.check(1)
    shutil.copytree(cluster.proposal(5).uri, tmp_path / "shared" / "schemas" / "2")
    for number in (5, 6):  # also the run whose proposal it was
        found = cluster.find(number)
        assert content(found, "schema.pbtxt") == "# 5"
        assert found.get_string_custom_property(acceptance.BECAUSE)
