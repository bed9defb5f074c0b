"""What a task says of the user's own data, tried with a kind of data that no task has."""

from __future__ import annotations

import dataclasses

import numpy as np

from perceiver_keras.config_tree import Whole
from perceiver_keras.data.own.found import Draft, Found, to_items
from perceiver_keras.tasks import own_data, registry
from perceiver_keras.tasks.contract.own_data import OwnData


def _look(place) -> Found:
    lines = place.root.read_text().splitlines()
    drafts = [
        Draft(name=str(n), source=line, content=line.encode()) for n, line in enumerate(lines)
    ]
    return Found(
        kind=f"lines-{place.options['unit']}",
        place=place,
        layout="lines",
        items=to_items(drafts, place, "lines"),
        labels=None,
        features={"value": np.float32},
        read=lambda item: iter([{"value": float(item.source)}]),
    )


def test_look_options_and_settings_are_what_data_means_for_a_task(tmp_path) -> None:
    own = OwnData(
        look=_look,
        settings=lambda found, config: {
            "model": {"num_classes": len(found.items)},
            "evaluate": {"thresholds": Whole({"cross_entropy": 1.0})},
        },
        options=lambda config: {"unit": config.train.steps, "nothing": None},
    )
    task = registry.get("image_classification")
    task = dataclasses.replace(task, examples=dataclasses.replace(task.examples, own_data=own))
    path = tmp_path / "values.txt"
    path.write_text("\n".join(str(number / 7) for number in range(20)))
    config = task.configure(overrides=["train.steps=123", f"data.data_dir={tmp_path / 'data'}"])
    found = own_data.look(task, config, path)
    assert found.kind == "lines-123" and found.place.options == {"unit": 123}
    tree = own_data.settings(task, config, found)
    mine = task.configure("tiny", [("mine", tree)])
    assert mine.model.num_classes == 20 and mine.evaluate.thresholds == {"cross_entropy": 1.0}
    assert mine.data.dataset == found.dataset and mine.data.test_split == "test"
    own_data.make(config, found)
    again = own_data.look(task, config, path, model=type("Model", (), {"labels": None}))
    assert {item.split for item in again.items} == {"test"}
