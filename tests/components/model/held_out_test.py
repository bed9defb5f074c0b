"""The examples that the gate judges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tfx.types import artifact_utils, standard_artifacts

from perceiver_keras.components.model.held_out import held_out_batches
from perceiver_keras.data.store.records import write_records
from tests import tiny_task as tiny

pytestmark = pytest.mark.tfx


def stored(folder: Path, splits: dict[str, int]) -> standard_artifacts.Examples:
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    examples.split_names = artifact_utils.encode_split_names(list(splits))
    for number, (split, count) in enumerate(splits.items()):
        place = folder / f"Split-{split}"
        place.mkdir(parents=True)
        write_records(
            tiny.examples(count, seed=number), str(place / "data_tfrecord-00000-of-00001.gz")
        )
    return examples


def test_each_example_of_the_test_split_comes_once(tmp_path):
    examples = stored(tmp_path, {"train": 5, "test": 7})
    batches = held_out_batches(tiny.TASK, tiny.CONFIG, examples, None)
    pixels = np.concatenate([inputs["pixels"].numpy() for inputs, _ in batches])
    labels = np.concatenate([targets.numpy() for _, targets in batches])
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    wanted = [tiny._pixels(png).numpy() for png in tiny.pngs(7, seed=1)]
    np.testing.assert_array_equal(pixels, wanted)
