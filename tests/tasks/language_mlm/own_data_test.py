"""The user's texts."""

from __future__ import annotations

from collections import Counter

from perceiver_keras.tasks import own_data
from perceiver_keras.tasks.language_mlm import TASK
from tests import own_folders


def test_a_text_sets_the_threshold_to_its_commonest_byte(tmp_path) -> None:
    path = own_folders.prose(tmp_path / "mine.txt")
    config = TASK.configure()
    tree = own_data.settings(TASK, config, own_data.look(TASK, config, path))
    mine = TASK.configure("tiny", [("mine", tree)])
    content = path.read_bytes()
    share = Counter(content).most_common(1)[0][1] / len(content)
    assert mine.evaluate.thresholds == {"accuracy": round(share, 4)} and mine.model == config.model
    pieces = TASK.configure("tiny_sentencepiece")
    found = own_data.look(TASK, pieces, path)
    assert "evaluate" not in own_data.settings(TASK, pieces, found)
