"""What one run pushes, the next run's gate gets as its baseline, through a folder that may be remote."""

from __future__ import annotations

import json

import pytest
from tfx.types import standard_artifacts

from perceiver_keras.components.cluster.kept import ABSENT
from perceiver_keras.components.gate import VERDICT_FILE
from perceiver_keras.components.kept_baseline import KeepBaseline, KeptBaseline
from tests.components.executed import artifact, execute

pytestmark = pytest.mark.tfx


class Cluster:
    """One shared folder, in which runs push and keep models."""

    def __init__(self, folder):
        self.folder, self.shared = folder, f"file://{folder}/shared"

    def push(self, model: int, version: int, *, compared: bool, pushed: bool = True) -> None:
        place = self.folder / "shared" / "pushed" / str(version)
        place.mkdir(parents=True)
        (place / "saved_model.pb").write_text(f"model {model}")
        blessing = artifact(
            standard_artifacts.ModelBlessing, 1, self.folder / f"blessing-{version}"
        )
        (self.folder / f"blessing-{version}").mkdir()
        (self.folder / f"blessing-{version}" / VERDICT_FILE).write_text(f'{{"of": {model}}}')
        if compared:
            blessing.set_string_custom_property("baseline_model_id", "projects/1/artifacts/x")
        result = artifact(standard_artifacts.PushedModel, 2, self.folder / "pushed_model")
        result.set_int_custom_property("pushed", int(pushed))
        result.set_string_custom_property("pushed_version", str(version))
        inputs = {
            "model": artifact(standard_artifacts.Model, model, self.folder / "model"),
            "blessing": blessing,
            "pushed_model": result,
        }
        execute(KeepBaseline, inputs, {}, shared=self.shared)

    def find(self, candidate: int, name: str, rebaseline: int = 0):
        """(the served model's content, the verdict), or None if both are absent."""
        outputs = {
            "model": artifact(standard_artifacts.Model, 8, self.folder / name / "model"),
            "model_blessing": artifact(
                standard_artifacts.ModelBlessing, 9, self.folder / name / "blessing"
            ),
        }
        given = {"candidate": artifact(standard_artifacts.Model, candidate, self.folder / "model")}
        found = execute(KeptBaseline, given, outputs, shared=self.shared, rebaseline=rebaseline)
        absent = {made.get_int_custom_property(ABSENT) for made in found.values()}
        assert len(absent) == 1
        if absent == {1}:
            return None
        served = self.folder / name / "model" / "Format-Serving" / "saved_model.pb"
        verdict = json.loads((self.folder / name / "blessing" / VERDICT_FILE).read_text())
        return served.read_text(), verdict


def test_the_next_run_is_compared_with_what_was_pushed_last(tmp_path):
    cluster = Cluster(tmp_path)
    assert cluster.find(1, "first") is None
    cluster.push(1, 100, compared=False)
    assert cluster.find(1, "again") is None  # not with itself
    assert cluster.find(2, "second") == ("model 1", {"of": 1})
    cluster.push(2, 101, compared=True)
    assert cluster.find(3, "third") == ("model 2", {"of": 2})
    assert cluster.find(2, "second again") == ("model 1", {"of": 1})
    assert cluster.find(3, "other labels", rebaseline=1) is None


def test_what_was_not_pushed_is_no_baseline(tmp_path):
    cluster = Cluster(tmp_path)
    cluster.push(1, 100, compared=False)
    cluster.push(2, 101, compared=True, pushed=False)
    assert cluster.find(3, "next") == ("model 1", {"of": 1})
