"""The component around `leak_counts`: its artifact holds what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import apache_beam as beam
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from perceiver_keras.components.data.leak_counts import detect
from perceiver_keras.components.leak_detector import (
    LEAKS_FILE,
    LeakDetector,
    LeakDetectorExecutor,
    PerceiverLeaks,
)
from tests.components import fingerprints

ORDER = ["train", "test"]


def test_it_writes_the_counts_of_the_splits_in_their_order(tmp_path):
    texts = [(f"text number {n}", n % 3) for n in range(9)]
    stored = fingerprints.write(tmp_path / "1", {"train": texts, "test": texts[:4], "other": texts})
    examples = standard_artifacts.Examples()
    examples.uri = stored
    examples.split_names = artifact_utils.encode_split_names(ORDER)
    component = LeakDetector(channel_utils.as_channel([examples]), limit=0.25, id="leaks")
    assert component.outputs["leaks"].type is PerceiverLeaks
    leaks = PerceiverLeaks()
    leaks.uri = str(tmp_path / "leaks")
    Path(leaks.uri).mkdir()
    inputs, outputs = {"fingerprints": [examples]}, {"leaks": [leaks]}
    LeakDetectorExecutor().Do(inputs, outputs, {"limit": 0.25})
    with beam.Pipeline() as pipeline:
        detect(pipeline, stored, ORDER, 0.25, str(tmp_path / "expected.json"))
    found = (Path(leaks.uri) / LEAKS_FILE).read_bytes()
    assert found == (tmp_path / "expected.json").read_bytes()
    assert json.loads(found)["pairs"][0]["exact"] == 4
