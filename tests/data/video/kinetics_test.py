"""Kinetics's CSV files and the names of its clips."""

from __future__ import annotations

import pytest

from perceiver_keras.data.video import kinetics
from perceiver_keras.errors import PerceiverError, UsageError

HEAD = "label,youtube_id,time_start,time_end,split\n"


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_clips_are_found_by_their_names_and_the_validation_set_is_taken(tmp_path):
    write(
        tmp_path / "annotations/kinetics700_2020/validate.csv",
        HEAD
        + "archery,aaaaaaaaaaa,3,13,validate\n"
        + "abseiling,-bb_bbbbbbb,120,130,validate\n"
        + "zumba,ccccccccccc,7.0,17.0,validate\n"
        + "zumba,gone,1,11,validate\n",
    )
    write(tmp_path / "annotations/kinetics700_2020/train.csv", HEAD + "arguing,x,1,11,train\n")
    write(tmp_path / "other.csv", "a,b\n1,2\n")
    write(tmp_path / "val/aaaaaaaaaaa_000003_000013.mp4")
    write(tmp_path / "val/abseiling/-bb_bbbbbbb_000120.mkv")
    write(tmp_path / "val/ccccccccccc.webm")
    write(tmp_path / "val/x_000001_000011.mp4")
    found = kinetics.find(tmp_path)
    assert [(clip.name, clip.label) for clip in found.clips] == [
        ("-bb_bbbbbbb_000120", "abseiling"),
        ("aaaaaaaaaaa_000003_000013", "archery"),
        ("ccccccccccc", "zumba"),
    ]
    assert found.labels == ["abseiling", "archery", "arguing", "zumba"]
    assert found.listed == 4 and found.file.name == "validate.csv"


@pytest.mark.parametrize(
    "names",
    [
        ("val.csv", "test.csv"),
        ("kinetics_700_val.csv", "train.csv"),
        ("k700-test.csv", "train.csv"),
    ],
)
def test_the_first_of_validation_test_and_train_is_judged_on(tmp_path, names):
    for name in names:
        write(tmp_path / name, HEAD + f"{name},aaaaaaaaaaa,3,13,x\n")
    write(tmp_path / "aaaaaaaaaaa_000003_000013.mp4")
    assert kinetics.find(tmp_path).file.name == names[0]


def test_what_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(UsageError, match="has no CSV of Kinetics"):
        kinetics.find(tmp_path)
    write(tmp_path / "val.csv", HEAD + "archery,aaaaaaaaaaa,3,13,validate\n")
    with pytest.raises(UsageError, match=r"such as aaaaaaaaaaa_000003_000013.mp4"):
        kinetics.find(tmp_path)
    write(tmp_path / "val.csv", HEAD + "archery,aaaaaaaaaaa,3,13,validate\n,b,1,2,x\n")
    with pytest.raises(PerceiverError, match="line 3: label or youtube_id is empty"):
        kinetics.find(tmp_path)


def test_odd_times_and_what_systems_leave_do_no_harm(tmp_path):
    rows = "".join(f"zumba,{name},{start},,val\n" for name, start in (("a", "inf"), ("b", "-3")))
    write(tmp_path / "val.csv", HEAD + rows)
    (tmp_path / "._val.csv").write_bytes(b"\x00\x05\x16\x07\xff")
    for name in "ab":
        write(tmp_path / f"{name}.mp4")
    assert [clip.name for clip in kinetics.find(tmp_path).clips] == ["a", "b"]
