"""The user's pairs of frames."""

from __future__ import annotations

from perceiver_keras.tasks import own_data
from perceiver_keras.tasks.optical_flow import TASK
from tests import own_folders


def test_pairs_ask_for_less_error_than_no_motion(tmp_path) -> None:
    folder = own_folders.pairs(tmp_path / "mine")
    config = TASK.configure()
    found = own_data.look(TASK, config, folder)
    mine = TASK.configure("tiny", [("mine", own_data.settings(TASK, config, found))])
    assert mine.evaluate.thresholds == {"relative_aepe": 1.0} and mine.model == config.model
    # The frames of a sequence are in one split.
    groups: dict[str, set[str]] = {}
    for item in found.items:
        groups.setdefault(item.source.group, set()).add(item.split)
    assert len(groups) == 6 and all(len(splits) == 1 for splits in groups.values())


def test_a_set_without_all_splits_is_divided(tmp_path) -> None:
    own_folders.pairs(tmp_path / "manual" / "flow_folder", sequences=2, length=6)
    overrides = ["data.dataset=flow_folder", f"data.data_dir={tmp_path}"]
    data = TASK.configure(overrides=overrides).data
    assert (data.train_split, data.validation_split) == ("train[:75%]", "train[75%:85%]")
    mine = TASK.configure(overrides=[*overrides, "data.validation_split=train"]).data
    assert mine.validation_split == "train" and mine.train_split == "train[:75%]"
