"""The page about data: what was found, with the examples, in words that anyone can read; self-contained."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np

from perceiver_keras.show import data_report, stored
from perceiver_keras.show.data_report import DataReport
from tests.show import verdicts
from tests.show.page import Page


def example(split: str, index: int) -> dict:
    parts = [
        {"name": "image", **stored.picture(np.full([8, 8, 1], index % 255, np.uint8))},
        {"name": "sound", **stored.wave(np.zeros(10), 8000)},
        {"name": "text", **stored.text(b"<b>bold</b>")},
    ]
    return {"split": split, "index": index, "parts": parts}


def found(**changes) -> DataReport:
    anomalies, leaks = verdicts.anomalies(), verdicts.leaks()
    for entry in anomalies["anomalies"]:
        entry["shown"] = [example(entry["split"], place) for place in entry["indices"]]
    for entry in leaks["examples"]:
        places = zip(entry["splits"], entry["indices"], strict=True)
        entry["shown"] = [example(*place) for place in places]
    statistics = {
        "count": 4,
        "missing": 0,
        "mean": 5.0,
        "std": 1.0,
        "min": 4.0,
        "median": 5.0,
        "max": 6.0,
        "histogram": [[4.0, 5.0, 3], [5.0, 6.0, 1]],
    }
    names = {"count": 4, "missing": 0, "unique": 2, "top": [["<cat>", 3], ["dog", 1]]}
    values = dict(
        task="image_classification",
        dataset="animals",
        counts={"test": {"num_examples": 269}, "train": {"num_examples": 1349, "num_corrupt": 2}},
        measures=[
            {
                "name": "image/mean",
                "unit": "0 to 255",
                "meaning": "mean brightness",
                "splits": {"train": statistics, "test": statistics},
            },
            {"name": "label", "unit": "", "meaning": "", "splits": {"train": names}},
        ],
        schema={
            "since": "2026-11-26 02:00 UTC",
            "run": "2026-11-25T10",
            "own": False,
            "features": [
                {"name": "image/mean", "kind": "number", "presence": "every example", "allowed": ""}
            ],
        },
        anomalies=anomalies,
        leaks=leaks,
        stopped=True,
    )
    return DataReport(**{**values, **changes})


def test_the_page_of_a_stopped_run() -> None:
    steps = [{"words": "Take the change on purpose:", "command": "perceiver schema accept RUN"}]
    source = data_report.render_data(found(), next_steps=steps)
    page = Page(source)
    assert page.open == [] and "" not in page.alts
    assert all(address.startswith("data:image/") for address in page.addresses)
    for words in (
        "Stopped before training",
        "2 anomalies: image/height, label.",
        "Nothing was trained",
        "image/height is 16 in 12 of 1,349 examples of train; it was 8.",
        "12 examples of 1,349",
        "was: 8, 8 · is: 16",
        "train, example 1,348",
        "label has the new class <ten>",
        "In force since 2026-11-26 02:00 UTC, from run 2026-11-25T10.",
        "the accepted data",
        "perceiver schema accept RUN",
        "train 1,349 2 test 269 0",
    ):
        assert words in page.text, words
    assert "<ten>" not in source and "<b>bold" not in source and "<cat>" not in source


def test_a_value_over_its_limit_is_marked_and_stands_first() -> None:
    source = data_report.render_data(found())
    assert re.findall(r'class="n bad">([\d.%]+)', source)[:2] == ["0.24", "50.9%"]
    assert [row["feature"] for row in data_report.section(found())["distances"]] == [
        "image/mean",
        "label",
        "image/mean",
    ]


def test_leaks_are_counted_and_shown_in_pairs() -> None:
    text = Page(data_report.render_data(found())).text
    assert "train and test 134 3 50.9% 1" in text and "train and validation 0 0 0.0% 0" in text
    assert "the same · labels: 3 and 3" in text and "nearly the same · labels: 3 and 8" in text
    assert "train, example 7" in text and "test, example 9" in text
    none = verdicts.leaks(pairs=[verdicts.leaks()["pairs"][1]], examples=[])
    assert "None found." in Page(data_report.render_data(found(leaks=none))).text


def test_clean_data_is_said_to_be_clean() -> None:
    clean = verdicts.anomalies(clean=True, anomalies=[], against=None)
    own = {"own": True, "since": "2026-11-26", "run": "", "features": []}
    page = data_report.render_data(found(anomalies=clean, stopped=False, schema=own))
    text = Page(page).text
    assert "The data is as its schema says" in text and "None: every example" in text
    assert "Made in this run from the task and its data on 2026-11-26. Later runs are" in text
    assert 'class="verdict good"' in page


def test_anomalies_that_are_only_reported_are_not_called_a_stop() -> None:
    text = Page(data_report.render_data(found(stopped=False))).text
    assert "The data is not as it should be" in text and "Stopped" not in text
    assert "Nothing was trained" not in text


def test_what_is_not_known_is_left_out() -> None:
    bare = DataReport(task="image_classification", dataset="animals")
    text = Page(data_report.render_data(bare)).text
    for words in ("Anomalies", "Drift", "same examples", "Schema", "looks like"):
        assert words not in text


def test_many_anomalies_are_folded() -> None:
    [entry] = verdicts.anomalies()["anomalies"][:1]
    many = verdicts.anomalies(anomalies=[entry | {"feature": f"f{n}"} for n in range(60)])
    page = Page(data_report.render_data(found(anomalies=many)))
    assert "40 more" in page.text and page.text.count("it was 8.") == 60


def test_notes_are_marked_and_not_counted_among_what_stops() -> None:
    odd, note = verdicts.anomalies()["anomalies"]
    leak = {"feature": "", "split": "test", "kind": "leak", "text": "130 are in both."}
    mixed = verdicts.anomalies(anomalies=[odd, note | {"stops": False}, leak])
    text = Page(data_report.render_data(found(anomalies=mixed))).text
    assert "2 anomalies: image/height, leak." in text and "new class note label" in text
    alone = verdicts.anomalies(clean=True, anomalies=[note | {"stops": False}])
    assert data_report.how_many(found(anomalies=alone)) == "One anomaly: label."


def test_it_is_plain_json() -> None:
    before = found()
    after = DataReport(**json.loads(json.dumps(dataclasses.asdict(before), allow_nan=False)))
    assert data_report.render_data(after) == data_report.render_data(before)


def test_headings_go_down_one_by_one_and_places_are_named_once() -> None:
    source = data_report.render_data(found())
    levels = [int(level) for level in re.findall(r"<h(\d)", source)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(low <= high + 1 for high, low in zip(levels, levels[1:], strict=False))
    ids = Page(source).ids
    assert len(set(ids)) == len(ids) and "anomalies" in ids
