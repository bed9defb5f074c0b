"""Which columns say where in its file a row's label is heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_keras.data.own import parts, tables
from perceiver_keras.errors import PerceiverError, UsageError


def _table(tmp_path: Path, *lines: str) -> tables.Table:
    (tmp_path / "t.csv").write_text("\n".join(lines))
    return tables.read(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        *((names, "1.5,4") for names in ("start,end", "Start_Time,End_Time", "onset,offset")),
        *((names, "1.5,4.0") for names in ("start_seconds,end_seconds", "start_s,end_s")),
        ("Begin Time (s),End Time (s)", "1.5,4"),
        ("t_start,t_end", "0:01.5,00:00:04"),
        *((names, "1500,4000") for names in ("start_ms,end_ms", "startMs,end_milliseconds")),
        *((names, "1.5,2.5") for names in ("start,duration", "offset,duration")),
        ("start,duration_ms", "1.5,2500"),
    ],
)
def test_columns_of_times_are_seconds(tmp_path: Path, names: str, cells: str) -> None:
    found, told = parts.of_rows(
        _table(tmp_path, f"file,{names},label", f"a.wav,{cells},x", "b,,,y")
    )
    assert found == [pytest.approx((1.5, 4.0)), None]
    first, second = names.split(",")
    assert told == f"parts of files by the columns {first!r} and {second!r}"


@pytest.mark.parametrize(
    ("names", "cells"),
    [("duration,rate", "2,8000"), ("start,end", "left,right"), ("restart,trend", "1,2")],
)
def test_other_columns_are_no_times(tmp_path: Path, names: str, cells: str) -> None:
    table = _table(tmp_path, f"file,{names}", f"a.wav,{cells}")
    assert parts.of_rows(table) == ([None], "")


@pytest.mark.parametrize("cells", ["2,1", "1,1", "-1,2", "1,", ",2", "1,soon", "nan,2"])
def test_times_that_are_no_part_are_refused_with_their_line(tmp_path: Path, cells: str) -> None:
    table = _table(tmp_path, "file,start,end", "a.wav,0,1", f"b.wav,{cells}")
    with pytest.raises(
        PerceiverError, match="t.csv, line 3: 'start' and 'end' are .*expected times"
    ):
        parts.of_rows(table)


def test_starts_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'onset' says where .* add one named end, or leave"):
        parts.of_rows(_table(tmp_path, "file,onset,label", "a.wav,1,x"))
