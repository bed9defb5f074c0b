"""One good run, and after it what goes wrong in real life: where each is stopped, and that a good model passes.

`python -m tests.sabotage FOLDER` does all of `cases.py`, and clean runs besides; here is one of the data and one of the
model. The tests of the components have the others in parts.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from tests.sabotage import models, pictures, runs
from tests.sabotage.pictures import PICTURES
from tests.sabotage.runs import Outcome

pytestmark = [pytest.mark.tfx, pytest.mark.slow]

# Fewer steps are enough where no model is compared with that of another seed.
PRODUCT = dataclasses.replace(
    PICTURES,
    settings=(
        *PICTURES.settings,
        "train.steps=300",
        "train.evaluate_every=300",
        "train.checkpoint_every=300",
    ),
)

# What another model finds in the cache.
BEFORE_TRAINING = {
    *("TfdsExampleGen", "Describe", "LeakDetector", "StatisticsGen", "SchemaGen"),
    *("ExampleValidator", "Transform", "TrivialGuess"),
}


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    return pictures.make(tmp_path_factory.mktemp("pictures") / "clean")


@pytest.fixture(scope="module")
def good(clean: Path, tmp_path_factory) -> Outcome:
    """The run that the others follow, in its folder."""
    found = runs.run_on(PRODUCT, clean, tmp_path_factory.mktemp("good") / "run")
    assert found.stopped_at is None, found.why
    return found


@pytest.fixture(scope="module")
def run_dir(good: Outcome) -> Path:
    """The good run's folder. In a copy the cache would have nothing but the examples: the other paths are new there."""
    return Path(good.record["report"]).parent


def test_wrong_data_stops_before_training(clean: Path, good: Outcome, tmp_path: Path) -> None:
    """In a copy of the good run's folder, since nothing of its cache is of use to other data."""
    run_dir = tmp_path / "run"
    shutil.copytree(Path(good.record["report"]).parent, run_dir)
    spoiled = runs.sabotaged(clean, tmp_path / "data", pictures.half_of_test_in_train)
    found = runs.run_on(PRODUCT, spoiled, run_dir)
    assert found.stopped_at == "ExampleValidator" and "300" in found.why
    assert "perceiver schema accept" in (run_dir / "data_report.html").read_text()


def test_a_wrong_model_is_refused(clean: Path, good: Outcome, run_dir: Path) -> None:
    before = sorted(path.name for path in (run_dir / "pushed").iterdir())
    made = runs.good_model(good.record)
    with runs.trained_by(lambda folder: models.forgets_a_class(made, folder)):
        found = runs.run_on(PRODUCT, clean, run_dir, seed=1)
    assert found.stopped_at == "Gate" and "accuracy@label=3" in found.why
    assert set(found.record["cached"]) >= BEFORE_TRAINING
    assert sorted(path.name for path in (run_dir / "pushed").iterdir()) == before


def test_an_equal_model_is_pushed(clean: Path, good: Outcome, run_dir: Path) -> None:
    before = {path.name for path in (run_dir / "pushed").iterdir()}
    with runs.trained_by(lambda folder: models.unchanged(runs.good_model(good.record), folder)):
        found = runs.run_on(PRODUCT, clean, run_dir, seed=2)  # of seed 1 the cache may have another
    assert found.stopped_at is None, found.why
    assert found.record["checks"]
    assert {path.name for path in (run_dir / "pushed").iterdir()} > before
