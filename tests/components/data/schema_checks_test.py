"""What a schema does not allow, counted and found again; what chance explains is only reported."""

from __future__ import annotations

import pytest

from perceiver_keras.components.data.schema_checks import Finder, check_split
from perceiver_keras.components.data.split_statistics import columns
from tests.components import described_data

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return described_data.run(str(tmp_path_factory.mktemp("clean")), described_data.splits(0))


@pytest.fixture
def check(clean, tmp_path):
    """{(feature, kind): anomaly} of the test split after each of its rows went through `change`."""

    def of(change, corrupt_share=0.0):
        rows = [change(i, dict(row)) for i, row in enumerate(described_data.splits(1)["test"])]
        described_data.write_described(str(tmp_path), {"test": rows})
        before = [columns(statistics) for statistics in clean.statistics.values()]
        statistics = described_data.statistics(rows)
        found = check_split(
            "test", statistics, clean.schema, before, Finder(str(tmp_path)), corrupt_share
        )
        return {(a.feature, a.kind): a for a in found.anomalies}

    return of


def setting(**values):
    names = {key.replace("__", "/"): value for key, value in values.items()}
    return lambda i, row: row | (names if i in (3, 50) else {})


def test_other_data_of_the_same_kind_passes(check) -> None:
    assert check(lambda i, row: row) == {}


@pytest.mark.parametrize("height", [9, 4])
def test_one_other_size_stops(check, height: int) -> None:
    (found,) = check(setting(image__height=height)).values()
    assert found.kind == "range" and found.stops and found.indices == [3, 50]
    assert found.text == f"image/height: 2 of 80 examples of test have {height}; accepted is 8."


def test_a_size_between_the_exact_ones_stops_too(check) -> None:
    (found,) = check(setting(image__width=13)).values()
    assert found.stops and found.text.endswith("have 13; accepted is 8, 12 and 16.")


def test_another_format_stops(check) -> None:
    (found,) = check(setting(image__format=b"JPEG")).values()
    assert (found.kind, found.stops, found.indices) == ("range", True, [3, 50])
    assert "have 'JPEG'; accepted is 'PNG'" in found.text


def test_a_few_numbers_out_of_range_are_reported_and_many_stop(check) -> None:
    (found,) = check(setting(image__mean=300.0)).values()
    assert not found.stops and (found.examples, found.of) == (2, 80)
    found = check(lambda i, row: row | {"image/mean": 300.0 + i})
    assert found["image/mean", "range"].stops
    assert (
        "80 of 80 examples of test have 300 to 379; accepted is 0 to 255"
        in found["image/mean", "range"].text
    )


def test_nan_stops(check) -> None:
    (found,) = check(setting(image__mean=float("nan"))).values()
    assert (found.kind, found.stops, found.indices) == ("not finite", True, [3, 50])


def test_an_absent_measure_stops_if_chance_does_not_explain_it(check) -> None:
    def without(places):
        return lambda i, row: {k: v for k, v in row.items() if k != "image/mean" or i not in places}

    (few,) = check(without({7})).values()
    assert not few.stops and few.indices == [7]
    (all_,) = check(without(set(range(80)))).values()
    assert all_.stops and all_.kind == "absent feature"
    assert all_.text == (
        "image/mean: 80 of 80 examples of test lack it; 440 of 440 accepted examples have it."
    )


def test_what_can_not_be_decoded_stops_beyond_the_setting_and_is_said_once(check) -> None:
    def change(i, row):
        return row if i != 5 else {"image/undecodable": 1, "label": row["label"]}

    (found,) = check(change).values()
    assert found.stops and found.text.startswith("image: 1 of 80 examples of test can't be decoded")
    (found,) = check(change, corrupt_share=0.02).values()
    assert not found.stops


def test_another_type_stops_and_a_new_measure_is_reported(check) -> None:
    found = check(lambda i, row: row | {"image/height": 8.0, "image/other": 1})
    assert found["image/height", "type"].stops
    assert not found["image/other", "new feature"].stops
