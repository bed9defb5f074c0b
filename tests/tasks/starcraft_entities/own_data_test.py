"""The user's records of units."""

from __future__ import annotations

import json

from perceiver_keras.tasks import own_data
from perceiver_keras.tasks.starcraft_entities import TASK
from tests import own_folders


def test_records_set_the_units_and_their_numbers(tmp_path) -> None:
    path = own_folders.battles(tmp_path / "mine.jsonl", numbers=5)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    config = TASK.configure()
    found = own_data.look(TASK, config, path)
    mine = TASK.configure("tiny", [("mine", own_data.settings(TASK, config, found))])
    assert mine.model.max_entities == max(len(row["entities"]) for row in rows)
    assert len(mine.model.features) == 5
    test = [rows[int(item.name.rsplit(":", 1)[1]) - 1] for item in found.in_split("test")]
    wins = sum(row["won"] for row in test) / len(test)
    assert mine.evaluate.thresholds == {
        "target_accuracy": round(sum(1 / len(row["entities"]) for row in test) / len(test), 4),
        "winner_accuracy": round(max(wins, 1 - wins), 4),
    }
