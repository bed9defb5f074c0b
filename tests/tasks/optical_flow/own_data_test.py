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
