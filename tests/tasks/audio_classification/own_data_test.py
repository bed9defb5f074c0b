"""The user's sounds set rate, length and windows of the small model, and the labels."""

from __future__ import annotations

import pytest

from perceiver_keras.tasks import own_data
from perceiver_keras.tasks.audio_classification import TASK
from perceiver_keras.tasks.audio_classification.own_data import MOST_FRAMES, options
from tests import own_folders


@pytest.mark.parametrize(
    ("rate", "seconds", "heard"), [(8000, 0.3, 8000), (22_050, 0.5, 16_000), (16_000, 12.0, 16_000)]
)
def test_a_folder_sets_rate_and_length(tmp_path, rate, seconds, heard) -> None:
    folder = own_folders.sounds(tmp_path / "mine", count=12, rate=rate, seconds=seconds)
    config = TASK.configure()
    found = own_data.look(TASK, config, folder)
    mine = TASK.configure("tiny", [("mine", own_data.settings(TASK, config, found))])
    model = mine.model
    assert model.sample_rate == heard and model.num_classes == 2 and mine.data.max_labels == 1
    window = min(seconds, 10.0)
    assert window <= model.num_samples / heard < window + 0.3
    frames = model.num_samples / model.sound.hop
    assert frames % model.sound.patch == 0 and frames <= MOST_FRAMES + model.sound.patch
    least = mine.evaluate.thresholds["mean_average_precision"]
    counts, total = found.counts("test"), len(found.in_split("test"))
    assert least == round(sum(counts[name] / total for name in counts) / len(counts), 4)


def test_a_model_that_sees_asks_for_its_stored_frames() -> None:
    assert options(TASK.configure()) == {"frames": None}
    assert options(TASK.preset("audioset_mel").config) == {"frames": 250}
