"""Records of units: splits, sizes, and what is no record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.own import battles
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError
from tests import own_folders


def _look(path: Path):
    return battles.look(Place(given=path, root=path, store=path.parent / "store"))


def _write(path: Path, records: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def _record(units: int = 3, numbers: int = 4, **changed) -> dict:
    units_ = np.random.default_rng(units).normal(size=(units, numbers)).round(3).tolist()
    return {"entities": units_, "target": units - 1, "won": 1} | changed


def test_records_are_stored_as_they_are_padded_with_zeros(tmp_path: Path) -> None:
    path = own_folders.battles(tmp_path / "mine" / "battles.jsonl")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    found = _look(path)
    most = max(len(record["entities"]) for record in records)
    assert found.measured["rows"] == most and found.measured["numbers"] == 5
    assert prepare(found, str(tmp_path / "data")) == {}
    builder = source.open_builder(found.dataset, str(tmp_path / "data"))
    assert set(builder.info.splits) == {"train", "validation", "test"}
    seen = 0
    for split in builder.info.splits:
        for row in tfds.as_numpy(builder.as_dataset(split)):
            record = records[int(row["file"].decode().split(":")[1]) - 1]
            count = len(record["entities"])
            assert row["label"].tolist() == [record["target"], record["won"]]
            assert row["mask"].tolist() == [1] * count + [0] * (most - count)
            np.testing.assert_allclose(row["entities"][:count], record["entities"], rtol=1e-6)
            assert not row["entities"][count:].any()
            seen += 1
    assert seen == len(records)


def test_trivial_guesses_are_those_of_the_test_split(tmp_path: Path) -> None:
    for split, won in (("train", [1, 1]), ("validation", [0]), ("test", [1, 1, 0])):
        units = (2, 4, 4)
        records = [_record(units[n], won=value) for n, value in enumerate(won)]
        _write(tmp_path / "mine" / f"{split}.jsonl", records)
    measured = _look(tmp_path / "mine").measured
    assert measured["winner_accuracy"] == pytest.approx(2 / 3)
    assert measured["target_accuracy"] == pytest.approx((1 / 2 + 1 / 4 + 1 / 4) / 3)


def test_splits_that_files_or_folders_name_are_kept(tmp_path: Path) -> None:
    for number, name in enumerate(("train/a.jsonl", "train/b.jsonl", "val/a.jsonl", "test.jsonl")):
        _write(tmp_path / "mine" / name, [_record(2 + number)])
    (tmp_path / "mine/._test.jsonl").write_bytes(b"\0\5")
    (tmp_path / "mine/notes.txt").write_text("mine")
    found = _look(tmp_path / "mine")
    assert {item.name: item.split for item in found.items} == {
        "train/a.jsonl:1": "train", "train/b.jsonl:1": "train", "val/a.jsonl:1": "validation",
        "test.jsonl:1": "test",
    }  # fmt: skip
    assert found.passed == {"hidden": 1, "not JSON records": 1}
    for number, name in enumerate(("won_train", "won_val", "won_test")):
        _write(tmp_path / "ends" / f"{name}.jsonl", [_record(2 + number)])
    assert {item.name: item.split for item in _look(tmp_path / "ends").items} == {
        "won_train.jsonl:1": "train", "won_val.jsonl:1": "validation", "won_test.jsonl:1": "test",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"entities": [[1, 2, 3, float("nan")]] * 3}, "not rows of equally many finite numbers"),
        ({"entities": [[1, 2], [3]]}, "not rows of equally many"),
        ({"entities": [[1] * 9] * 2}, "entities .2, 9.; expected at most 3 rows of 4 numbers"),
        ({"entities": []}, "not rows"),
        ({"entities": "units"}, "not rows"),
        ({"entities": [[10**400, 2, 3, 4]] * 3}, "not rows of equally many finite numbers"),
        ({"target": 10**400}, "target 1000"),
        ({"target": 3}, "target 3 is not one of 3 rows"),
        ({"target": -1}, "target -1"),
        ({"target": None}, "target None"),
        ({"won": 2}, "won is 2; expected 0 or 1"),
    ],
)
def test_one_broken_record_is_left_out_by_name(tmp_path: Path, changed: dict, reason: str) -> None:
    records = [_record(won=n % 2, target=n % 3) | {"n": n} for n in range(12)]
    for n, record in enumerate(records):
        record["entities"][0][0] = n
    path = _write(tmp_path / "mine" / "a.jsonl", [*records, _record() | changed])
    with pytest.raises(PerceiverError, match=f"1 of 13 can't be read: a.jsonl:13 .*{reason}"):
        prepare(_look(path), str(tmp_path / "data"))
    assert set(prepare(_look(path), str(tmp_path / "data"), 0.1)) == {"a.jsonl:13"}


def test_a_moment_of_too_many_units_does_not_widen_the_others(tmp_path: Path) -> None:
    records = [_record(n) for n in range(2, 12)]
    path = _write(tmp_path / "mine" / "a.jsonl", [*records, _record(battles.MOST + 1)])
    found = _look(path)
    assert found.measured["rows"] == 11
    assert set(prepare(found, str(tmp_path / "data"), 0.1)) == {"a.jsonl:11"}


def test_other_records_are_refused_with_what_they_lack(tmp_path: Path) -> None:
    path = _write(tmp_path / "mine" / "a.jsonl", [{"entities": [[1]], "won": 1}])
    with pytest.raises(UsageError, match="the records lack target; expected"):
        _look(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no JSON records"):
        _look(tmp_path / "empty")
