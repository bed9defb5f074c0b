"""The claim about the input of pictures: its arms are as released, its judge, and a run of it."""

from __future__ import annotations

import pytest

from perceiver_keras.miniature.claims.inputs import CLAIM, judge
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from perceiver_keras.miniature.trial import configured
from perceiver_keras.tasks import registry
from tests.data.builders.idx_files import write_fashion
from tests.miniature.made_up import records_of
from tests.miniature.quickly import measured_quickly

PUBLISHED = {"learned": 0.727, "fourier": 0.790, "conv": 0.821}  # Tab. 7
RELEASED = {
    "learned": "imagenet_learned_position_encoding",
    "fourier": "imagenet_fourier_position_encoding",
    "conv": "imagenet_conv_preprocessing",
}


def test_the_arms_are_the_released_models_in_small():
    task = registry.get("image_classification")
    for arm in CLAIM.arms:
        ours = configured(arm.settings)[1].model
        theirs = task.preset(RELEASED[arm.name]).config.model
        assert type(ours.stem) is type(theirs.stem)
        assert type(ours.position) is type(theirs.position)
        assert ours.decode.use_query_residual == theirs.decode.use_query_residual
        project = [getattr(one.position, "project_dim", None) for one in (ours, theirs)]
        assert (project[0] is None) == (project[1] is None)


def test_it_runs_at_a_tiny_size(eager, tmp_path, monkeypatch):
    monkeypatch.setenv("PERCEIVER_MANUAL_DIR", str(tmp_path))
    monkeypatch.setenv("PERCEIVER_DATA_DIR", str(tmp_path / "data"))
    write_fashion(tmp_path / "perceiver_fashion", train=36, test=10)
    records = measured_quickly(CLAIM, tmp_path / "run", "conv")
    for found in records.values():
        assert found[0]["numbers"]["accuracy"] * 10 == pytest.approx(
            round(found[0]["numbers"]["accuracy"] * 10)
        )  # of ten pictures


@pytest.mark.parametrize(
    ("moved", "expected"),
    [({}, HOLDS), ({"learned": 0.3}, FAILS), ({"learned": 0.8}, FAILS), ({"conv": 0.7}, FAILS)],
)
def test_its_judge(moved, expected):
    given = {arm: {"accuracy": value} for arm, value in {**PUBLISHED, **moved}.items()}
    assert judge(records_of(given)).verdict == expected
