"""An arm's settings become a configuration, and tuning takes what was best on validation; training itself is tested
with each claim."""

from __future__ import annotations

import json
import math

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.miniature.claim import Arm
from perceiver_keras.miniature.trial import changed, configured, own, search, tune, work

SETTINGS = {
    "task": "language_mlm",
    "train.steps": 7,
    "model.encode.num_latents": 9,
    "tuning_steps": 3,
    "rates": [0.1, 0.2, 0.4],
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
    ("metric", "values"), [("loss", (2.0, 1.0, 3.0)), ("accuracy", (0.1, 0.9, math.nan))]
)
def test_the_best_on_validation_is_chosen(tmp_path, metric, values):
    """All trainings are there from before, so nothing is trained."""
    arm = Arm("one", {**SETTINGS, "tuned_by": metric})
    tried = {
        str(rate): [{"step": 3, f"val_{metric}": value}]
        for rate, value in zip(SETTINGS["rates"], values, strict=True)
    }
    path = tmp_path / "one-only-tuning.json"
    path.write_text(json.dumps({"settings": dict(arm.settings), "tried": tried}))
    found = tune(arm, *configured(arm.settings), tmp_path, progress=None)
    assert found.chosen == {"train.learning_rate": 0.2}
    assert list(found.curves) == [f"tuning: learning rate {rate}" for rate in SETTINGS["rates"]]


@pytest.mark.parametrize("best", [2.0**power for power in range(-12, 3)])
def test_the_search_goes_on_beyond_its_ends_until_both_neighbours_are_worse(best):
    asked = []

    def quality(rate):
        asked.append(rate)
        return -abs(math.log(rate / best))

    assert search([2.0**-6, 2.0**-4], quality) == pytest.approx(best, rel=0.5)
    assert len(asked) == len(set(asked))
    found = search([2.0**-6, 2.0**-5, 2.0**-4], quality)
    assert found == best and {best / 2, best * 2} <= set(asked)


def test_the_search_ends_where_nothing_is_better_or_nothing_is_learned():
    assert search([0.1, 0.2], lambda rate: 0.0) == 0.1
    assert search([0.1, 0.2], lambda rate: -math.inf) == 0.1


def test_without_rates_nothing_is_tuned(tmp_path):
    arm = Arm("one", {k: v for k, v in SETTINGS.items() if k != "rates"})
    assert not tune(arm, *configured(arm.settings), tmp_path, progress=None).chosen
    assert list(tmp_path.iterdir()) == []


def test_other_settings_have_another_folder_for_checkpoints(tmp_path):
    one, other = Arm("one", {"a": 1}), Arm("one", {"a": 2})
    places = {work(tmp_path, arm, what) for arm in (one, other) for what in ("0", "1")}
    assert len(places) == 4 and work(tmp_path, one, "0") in places
