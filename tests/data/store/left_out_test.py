"""What can't be read is left out whole, named, counted against all items, and judged again."""

from __future__ import annotations

import errno
import json

import pytest
import tensorflow as tf

from perceiver_keras.data.store import left_out
from perceiver_keras.errors import PerceiverError


def read(value):
    """Gives two examples; an exception is raised after the first."""
    yield value
    if isinstance(value, Exception):
        raise value
    yield value


def pass_over(letters, items, share=0.0, **given):
    reading = left_out.Reading(letters, share, **given)
    return list(reading.examples(items.items(), read, "train", last=True))


@pytest.mark.parametrize(
    "reason",
    [
        PerceiverError("it is damaged"),
        PermissionError(errno.EACCES, "it is damaged"),
        tf.errors.InvalidArgumentError(None, None, "it is damaged"),
    ],
)
def test_an_item_is_stored_whole_or_not_at_all(tmp_path, reason):
    letters = tmp_path / "deep" / "x.jsonl"
    assert pass_over(letters, {"a": 1, "b": reason, "c": 3, "d": 4}, 0.25) == [1, 1, 3, 3, 4, 4]
    (found,) = left_out.read_letters(letters).items()
    assert found[0] == "b" and "it is damaged" in found[1]
    assert json.loads(letters.read_text())["of"] == 4


def test_above_the_share_the_first_few_are_named_and_all_are_listed(tmp_path):
    items = {f"{n}.wav": PerceiverError("cut") if n % 2 else n for n in range(20)}
    with pytest.raises(PerceiverError) as raised:
        pass_over(tmp_path / "x.jsonl", items, 0.49)
    assert str(raised.value) == (
        "10 of 20 can't be read: 1.wav (cut); 3.wav (cut); 5.wav (cut); 7.wav (cut); 9.wav (cut); and 5 more; "
        "data.max_corrupt_share allows 0.49 of them. Repair or remove them, or leave them out with --set "
        f"data.max_corrupt_share=0.5. All are listed in {tmp_path}/x.jsonl."
    )
    assert len(left_out.read_letters(tmp_path / "x.jsonl")) == 10
    assert len(pass_over(tmp_path / "x.jsonl", items, 0.5)) == 20


@pytest.mark.parametrize(("bad", "total"), [(1, 3), (1, 7), (2, 3), (7, 9), (1, 1000), (333, 1000)])
def test_the_share_that_is_offered_is_enough(bad, total):
    reasons = {str(n): "cut" for n in range(bad)}
    with pytest.raises(PerceiverError) as raised:
        left_out.judge(reasons, total, 0.0, "x")
    share = float(str(raised.value).split("share=")[1].split(". ")[0])
    left_out.judge(reasons, total, share, "x")


def test_what_this_machine_lacks_is_no_fault_of_a_file(tmp_path):
    with pytest.raises(OSError, match="No space"):
        pass_over(tmp_path / "x", {"a": OSError(errno.ENOSPC, "No space"), "b": 1}, 1.0)


def test_nothing_left_is_an_error_whatever_the_share(tmp_path):
    with pytest.raises(PerceiverError, match="1 of 1 .*nothing is left for train"):
        pass_over(tmp_path / "x", {"a": PerceiverError("cut")}, 1.0)


def test_repaired_files_leave_no_letters(tmp_path):
    pass_over(tmp_path / "x", {"a": PerceiverError("cut"), "b": 1}, 1.0)
    pass_over(tmp_path / "x", {"a": 1, "b": 1}, 1.0)
    assert left_out.read_letters(tmp_path / "x") == {}
    assert not (tmp_path / "x").exists()


def test_a_look_ahead_is_not_counted_twice(tmp_path):
    reading = left_out.Reading(tmp_path / "x", 0.3)
    items = {"a": 1, "b": PerceiverError("cut"), "c": 2}
    kept = reading.readable(items.items(), read)
    assert kept == [("a", 1), ("c", 2)]
    with pytest.raises(PerceiverError, match="1 of 3 .*share=0.334"):
        list(reading.examples(kept, read, "train", last=True))


def test_the_reason_of_an_item_without_examples_is_said(tmp_path):
    reading = left_out.Reading(tmp_path / "x", 1.0)
    list(reading.examples([("a", []), ("b", [1])], iter, "train", last=True))
    assert reading.bad == {"a": "it holds no examples"}
