"""Which path of growing data is taken: TFX's own reading of the same patterns, and what it leaves open, refused."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.store import spans
from perceiver_keras.errors import UsageError


def made(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).mkdir(parents=True)
    return folder


def test_the_newest_number_is_taken_not_the_last_name(tmp_path: Path) -> None:
    made(tmp_path, "part-9/set", "part-10/set", "part-11", "part-x/set", "part-/set", "old-12/set")
    pattern = f"{tmp_path}/part-{{SPAN}}/set"
    assert spans.newest(pattern) == (f"{tmp_path}/part-10/set", 10)
    assert spans.newest(pattern, 9) == (f"{tmp_path}/part-9/set", 9)


def test_a_width_is_exact_and_files_are_spans_too(tmp_path: Path) -> None:
    for name in ("a0007.csv", "a00008.csv", "a9.csv", "a0006.csv.part"):
        (tmp_path / name).touch()
    assert spans.newest(f"{tmp_path}/a{{SPAN:4}}.csv") == (f"{tmp_path}/a0007.csv", 7)


@given(
    st.lists(
        st.dates(datetime.date(1970, 1, 2), datetime.date(2200, 1, 1)), min_size=1, unique=True
    )
)
def test_a_day_is_the_number_of_days_since_1970(tmp_path_factory, days) -> None:
    folder = tmp_path_factory.mktemp("days")
    made(folder, *(day.strftime("%Y/%m-%d") for day in days), "2026/02-30", "2026/13-01")
    path, span = spans.newest(f"{folder}/{{YYYY}}/{{MM}}-{{DD}}")
    assert path == f"{folder}/{max(days):%Y/%m-%d}"
    assert datetime.date(1970, 1, 1) + datetime.timedelta(span) == max(days)


@pytest.mark.tfx
def test_tfx_finds_the_same_spans(tmp_path: Path) -> None:
    from tfx.components.example_gen import utils
    from tfx.proto import example_gen_pb2

    made(tmp_path, "n/7", "n/12", "d/2026-11-25", "d/2026-11-26")
    for pattern in ("n/{SPAN}", "d/{YYYY}-{MM}-{DD}"):
        split = example_gen_pb2.Input.Split(name="all", pattern=f"{pattern}/*")
        for folder in tmp_path.glob("?/*"):
            (folder / "file").touch()
        _, theirs, _ = utils.calculate_splits_fingerprint_span_and_version(str(tmp_path), [split])
        assert spans.newest(f"{tmp_path}/{pattern}")[1] == theirs


@pytest.mark.parametrize(
    "pattern, span, told",
    [
        ("part-{SPAN}", 3, r"span 3 of .* is not there \(spans there: 1, 2\)"),
        ("none-{SPAN}", None, r"is not there \(no path fits it\)"),
        ("none/{SPAN}/x", None, r"is not there \(no path fits it\)"),
        ("same-{SPAN}", None, "same-01 and .*same-1 are both span 1 of"),
        ("{SPAN}-{SPAN}", None, "must have one {SPAN}"),
        ("{YYYY}-{MM}", None, "must have one {SPAN}"),
        ("{SPAN}/{YYYY}{MM}{DD}", None, "must have one {SPAN}"),
    ],
)
def test_what_is_not_clear_is_a_line(pattern, span, told, tmp_path: Path) -> None:
    made(tmp_path, "part-1", "part-2", "same-1", "same-01")
    with pytest.raises(UsageError, match=told):
        spans.newest(f"{tmp_path}/{pattern}", span)


@pytest.mark.parametrize("path", [None, "plain", "{span}", "{SPAN", "{SPAN:}", "{VERSION}"])
def test_other_paths_have_no_span(path: str | None) -> None:
    assert not spans.has_span(path)


def test_special_characters_of_a_path_are_themselves(tmp_path: Path) -> None:
    made(tmp_path, "a[b]*+(1)?", "ab1")
    assert spans.newest(f"{tmp_path}/a[b]*+({{SPAN}})?")[1] == 1
