"""An arm's settings become a configuration, and tuning takes what was best on validation; training itself is tested
with each claim."""

from __future__ import annotations

import json

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.miniature.claim import Arm
from perceiver_keras.miniature.trial import changed, configured, own, tune, work

SETTINGS = {
    "task": "language_mlm",
    "train.steps": 7,
    "model.encode.num_latents": 9,
    "tuning_steps": 3,
    "grid": {"train.learning_rate": [0.1, 0.2]},
    "glue/task": "glue",
    "glue/train.steps": 5,
}


def test_dotted_settings_are_the_configuration_s():
    task, config = configured(SETTINGS)
    assert task.name == "language_mlm"
    assert (config.train.steps, config.model.encode.num_latents) == (7, 9)
    assert config.model.length == task.preset("tiny").config.model.length
    task, config = configured(SETTINGS, "glue")
    assert (task.name, config.train.steps) == ("glue", 5)


def test_a_prefix_takes_its_own_settings_only():
    assert own(SETTINGS, "glue") == {"task": "glue", "train.steps": 5}
    assert "glue/task" not in own(SETTINGS, "") and own(SETTINGS, "")["tuning_steps"] == 3


def test_an_unknown_setting_is_refused():
    _, config = configured(SETTINGS)
    with pytest.raises(UsageError, match="no_such"):
        changed(config, {"train.no_such": 1})


@pytest.mark.parametrize(
    ("metric", "values", "best"), [("loss", (2.0, 1.0), 0.2), ("accuracy", (0.9, 0.1), 0.1)]
)
def test_the_best_on_validation_is_chosen(tmp_path, metric, values, best):
    """Both trainings are there from before, so nothing is trained."""
    arm = Arm("one", {**SETTINGS, "tuned_by": metric})
    tried = {
        f"learning_rate {rate}": {
            "chosen": {"train.learning_rate": rate},
            "curve": [{"step": 3, f"val_{metric}": value}],
        }
        for rate, value in zip((0.1, 0.2), values, strict=True)
    }
    path = tmp_path / "one-only-tuning.json"
    path.write_text(json.dumps({"settings": dict(arm.settings), "tried": tried}))
    task, config = configured(arm.settings)
    found = tune(arm, task, config, tmp_path, progress=None)
    assert found.chosen == {"train.learning_rate": best}
    assert list(found.curves) == ["tuning: learning_rate 0.1", "tuning: learning_rate 0.2"]


def test_without_a_grid_nothing_is_tuned(tmp_path):
    arm = Arm("one", {k: v for k, v in SETTINGS.items() if k != "grid"})
    assert not tune(arm, *configured(arm.settings), tmp_path, progress=None).chosen
    assert list(tmp_path.iterdir()) == []


def test_other_settings_have_another_folder_for_checkpoints(tmp_path):
    one, other = Arm("one", {"a": 1}), Arm("one", {"a": 2})
    places = {work(tmp_path, arm, what) for arm in (one, other) for what in ("0", "1")}
    assert len(places) == 4 and work(tmp_path, one, "0") in places
