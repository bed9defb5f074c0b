"""The user's videos, with classes and without."""

from __future__ import annotations

import math

import pytest

from perceiver_keras.tasks import own_data
from perceiver_keras.tasks.multimodal_autoencoding import TASK
from tests import own_folders


@pytest.mark.parametrize("labelled", [True, False])
def test_videos_set_classes_and_thresholds(tmp_path, labelled: bool) -> None:
    folder = own_folders.videos(tmp_path / "mine", labelled=labelled)
    config = TASK.configure()
    found = own_data.look(TASK, config, folder)
    mine = TASK.configure("tiny", [("mine", own_data.settings(TASK, config, found))])
    assert mine.model.num_classes == (2 if labelled else 1)
    assert found.place.options == {"frames": 4} and found.kind == "videos-4"
    thresholds = mine.evaluate.thresholds
    # No model can beat a guess among one class.
    assert thresholds.get("accuracy") == (0.5 if labelled else None)
    # Silence misses a tone of amplitude 0.4 by 0.08 in the mean square.
    assert abs(thresholds["audio_psnr"] - -10 * math.log10(0.08)) < 0.3
    assert 3 < thresholds["video_psnr"] < 20


def test_a_set_of_the_users_videos_sets_classes_frames_and_splits(tmp_path) -> None:
    own_folders.videos(tmp_path / "manual" / "video_folder", count=6)
    overrides = ["data.dataset=video_folder", f"data.data_dir={tmp_path}"]
    model = TASK.configure(overrides=overrides).model
    assert (model.num_classes, model.num_frames) == (2, 16)
    # As long as the frames: 1,280 samples go with the preset's four.
    assert model.audio_samples == 4 * 1280
    assert TASK.configure(overrides=[*overrides, "model.num_classes=5"]).model.num_classes == 5
    absent = TASK.configure(
        overrides=["data.dataset=video_folder", f"data.data_dir={tmp_path / 'no'}"]
    )
    assert absent.model == TASK.configure().model
