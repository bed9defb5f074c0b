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
    assert thresholds["accuracy"] == (0.0 if not labelled else thresholds["accuracy"])
    # Silence misses a tone of amplitude 0.4 by 0.08 in the mean square.
    assert abs(thresholds["audio_psnr"] - -10 * math.log10(0.08)) < 0.3
    assert 3 < thresholds["video_psnr"] < 20
